"""Files and commands that docstrings, comments and documents name are there."""

import ast
import functools
import io
import pathlib
import re
import shlex
import tokenize

import pytest

from simclr.__main__ import COMMANDS
from simclr.cli.line import help_text, parse
from simclr.commands.train import pipeline
from simclr.pjrt import runner
from simclr.runs import folder as run_folder

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("simclr", "configs", "benchmarks", "tests", "docs", "tpu_scripts")
PYTHON = sorted(p for f in FOLDERS for p in (ROOT / f).rglob("*.py"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = {p.name for f in FOLDERS for p in (ROOT / f).rglob("*")}
FILES |= {p.name for p in ROOT.glob("*")}
# Names of files that belong to others, or that a user would write.
ELSEWHERE = frozenset(
    [
        "table.md",  # What benchmarks write.
        "colabs/intriguing_properties/generalized_contrastive_loss.ipynb",
    ]
)
PATH = re.compile(r"(?<![\w./~*{}-])(?:\w+/)*\w+\.(?:py|sh|ipynb|md)\b(?!\()")


def docstrings(path):
    """Docstrings and comments of a Python file, one text."""
    source = path.read_text(encoding="utf-8")
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [
        ast.get_docstring(node, clean=False) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    texts += [t.string for t in tokens if t.type == tokenize.COMMENT]
    return "\n".join(texts)


def prose(path):
    """A document without its diffs, which make new files."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```diff\n.*?^```", "", text, flags=re.M | re.S)


def missing(text):
    """Paths in a text that are no file of ours."""
    return [
        name
        for name in PATH.findall(text)
        if name not in ELSEWHERE
        and not any((ROOT / at / name).exists() for at in ("", "simclr"))
        and ("/" in name or name not in FILES)
    ]


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_docstrings_name_files_that_exist(path):
    assert missing(docstrings(path)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_that_exist(path):
    assert missing(prose(path)) == []


def test_a_missing_file_is_seen():
    assert missing("simclr/nowhere.py, views/blur.py, blur.py, lost.py") == [
        "simclr/nowhere.py",
        "views/blur.py",
        "lost.py",
    ]


@functools.cache
def help_of(name):
    return help_text(name, COMMANDS[name]) + "\n  --help"


def unknown_flags(text):
    """Flags in `simclr COMMAND --flag ...` that the command does not have."""
    text = re.sub(r"\\\n\s*|\n *(?=--)", " ", text)  # Lines that go on.
    return [
        f"{name} --{flag}"
        for name, rest in re.findall(r"\bsimclr ([a-z]+)\b([^\n`]*)", text)
        if name in COMMANDS
        for flag in re.findall(r"(?<!\S)--(\w+)", rest)
        if not re.search(
            rf"^  --(\[no\])?({flag}|{re.sub('^no', '', flag)})\b",
            help_of(name),
            re.M,
        )
    ]


RECIPES = sorted((ROOT / "configs").rglob("*.py"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_a_command_that_runs_it(path):
    title = ast.get_docstring(ast.parse(path.read_text()))
    line = title.split("Command:\n")[1].splitlines()[0].strip()
    assert str(path.relative_to(ROOT)) in line or line == "make demo"
    if line == "make demo":
        assert str(path.relative_to(ROOT)) in (ROOT / "Makefile").read_text()
    else:
        parse(shlex.split(line)[1:], COMMANDS)


def test_train_pyz_names_commands_that_begin():
    """Without images and a recipe, pretrain asks for one of them."""
    lines = re.findall(r"`(simclr pretrain [^`]+)`", runner.__doc__)
    assert lines and all("--config=" in line for line in lines)


def test_recipes_of_one_name_have_folders_of_their_own():
    one = run_folder.run_name("configs/demo.py")
    several = pipeline.default_workdir("configs/pipelines/demo.py")
    assert several == "runs/demo_pipeline" != f"runs/{one}"


@pytest.mark.parametrize("path", [*PYTHON, *DOCUMENTS], ids=str)
def test_no_unknown_flag_is_named(path):
    text = docstrings(path) if path.suffix == ".py" else prose(path)
    assert unknown_flags(text) == []


def test_an_unknown_flag_is_seen():
    text = "say `simclr evaluate RUN --nobaselines --lost=1` or\n"
    text += "    simclr pretrain --data=X \\\n  --gone"
    assert unknown_flags(text) == ["evaluate --lost", "pretrain --gone"]
