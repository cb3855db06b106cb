"""The package as others install it: a wheel, outside the repository."""

import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

import simclr
from simclr.config import recipes
from simclr.messages.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent


def test_one_version_everywhere():
    for name, pattern in {
        "setup.py": r'version="(.+?)"',
        "CITATION.cff": r"^version: (.+)$",
        "CHANGELOG.md": r"^## ([\d.]+)",
    }.items():
        found = re.search(pattern, (ROOT / name).read_text(), re.M)
        assert found.group(1) == simclr.__version__, name


def test_contributing_says_what_ci_does():
    blocks = re.findall(
        r"```\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S
    )
    ci = re.findall(r"^make \w+$", (ROOT / ".ci/run").read_text(), re.M)
    assert blocks[0].splitlines() == ci


@pytest.mark.parametrize(
    "name, file",
    [
        ("demo", "demo.py"),
        ("demo.py", "demo.py"),
        ("configs/demo.py", "demo.py"),
        ("pipelines/demo", "pipelines/demo.py"),
    ],
)
def test_recipes_have_names(name, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pathlib.Path(recipes.find(name)) == ROOT / "configs" / file


def test_a_file_of_ones_own_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.py").write_text("")
    assert recipes.find("demo.py") == "demo.py"


@pytest.mark.parametrize(
    "name, hint",
    [("demoo", "Did you mean demo?"), ("../setup", ""), ("", "")],
)
def test_no_such_recipe_is_one_line(name, hint):
    with pytest.raises(InputError, match="No recipe at") as raised:
        recipes.find(name)
    assert str(raised.value).endswith(hint or "that name.")


def test_all_names_are_found():
    files = {str(p) for p in (ROOT / "configs").rglob("*.py")}
    assert {recipes.find(name) for name in recipes.names()} == files


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("simclr", "configs"):  # Not with what an earlier build left.
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "-w", folder, "."],
        cwd=source,
        check=True,
    )
    [wheel] = folder.glob("simclr-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(site, folder, *words):
    """What the wheel's command prints, run in another folder."""
    return subprocess.run(
        [sys.executable, "-m", "simclr", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.slow
def test_the_wheel_has_all_but_tests(installed):
    def files(folder):
        return {
            str(p.relative_to(folder))
            for p in folder.rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        }

    recipes_in = files(installed / "simclr" / "recipes")
    assert recipes_in == files(ROOT / "configs")
    ours = files(installed / "simclr") - {f"recipes/{r}" for r in recipes_in}
    assert ours == files(ROOT / "simclr")
    assert not (installed / "tests").exists()


@pytest.mark.slow
def test_the_wheel_trains_by_a_recipe_of_its_own(installed, tmp_path):
    said = run(installed, tmp_path, "--help")
    assert "pretrain" in said
    where = "import simclr; print(simclr.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert found == str(installed / "simclr" / "__init__.py")
    tiny = "epochs=0.05 model.width=0.125 batch_size=16 train.eval_epochs=0"
    sets = [w for s in tiny.split() for w in ("--set", s)]
    run(installed, tmp_path, "pretrain", "--config=demo", *sets)
    assert (tmp_path / "runs" / "demo" / "finished").exists()


def test_every_recipe_names_its_neighbours_by_its_own_folder():
    """A recipe that opens another one finds it in an installed package."""
    for path in (ROOT / "configs").rglob("*.py"):
        tree = ast.parse(path.read_text())
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        } - {ast.get_docstring(tree, clean=False)}
        assert not [t for t in texts if t.startswith("configs/")], path
