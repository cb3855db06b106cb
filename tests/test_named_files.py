"""Files, names and commands that docstrings, comments and documents name are
there.
"""

import ast
import functools
import io
import pathlib
import re
import shlex
import tokenize

import pytest

from simclr.cli.commands import COMMANDS
from simclr.cli.line import help_text, parse
from simclr.commands.train import pipeline
from simclr.config import recipes
from simclr.messages.names import run_name
from simclr.pjrt import runner

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
        "MODEL_CARD.md",  # What export writes.
        "colabs/intriguing_properties/generalized_contrastive_loss.ipynb",
    ]
)
NOTES = (
    ROOT / "BUILD_NOTES.md",
    ROOT / "docs/design.md",
    ROOT / "docs/measurements.md",
)
# Folders whose names are parts of a config, too.
CONFIG_PARTS = frozenset(["config", "data", "train"])
DOTTED = re.compile(r"(?<![\w./-])\w+(?:\.[A-Za-z_]\w*)+(?![\w/])")
PATH = re.compile(r"(?<![\w./~*{}-])(?:\w+/)*\w+\.(?:py|sh|ipynb|md)\b(?!\()")


@functools.cache
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


@functools.cache
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


@functools.cache
def modules():
    """dict of a module's last name -> the names that it has, several as one."""
    found = {}
    for path in PYTHON:
        package = path.stem == "__init__"
        name = path.parent.name if package else path.stem
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Name):
                names = [node.id]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.asname or a.name for a in node.names]
            elif package and isinstance(node, ast.Constant):
                names = [node.value]  # Of a table of what is imported late.
            else:
                continue
            found.setdefault(name, set()).update(names)
        for inner in (path, *path.parents):  # Rooms in rooms.
            if inner.stem != "__init__" and inner != ROOT:
                found.setdefault(inner.parent.name, set()).add(inner.stem)
            if inner.parent == ROOT:
                break
    return found


@functools.cache
def imported(path):
    """dict of what a Python file calls a module -> its last name.

    Of a document its examples in Python. "" stands for a module that is not
    ours.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        text = "".join(blocks)
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for a in node.names:
                ours = f"{module}.{a.name}".lstrip(".").startswith(FOLDERS)
                name = a.name.rpartition(".")[2] if ours else ""
                found[a.asname or a.name.partition(".")[0]] = name
    return found


def missing_names(text, called=()):
    """Classes of modules, and names in rooms, that are named and not there.

    Args:
        text: str.
        called: dict, as `imported` gives it.
    """
    called = {"tf": "", "keras": "", **dict(called)}  # Whoever imports them.
    rooms = {p.name for p in (ROOT / "simclr").iterdir() if p.is_dir()}
    found = []
    for dotted in DOTTED.findall(text):
        first, *rest = dotted.split(".")
        if called.get(first, first) == "" or PATH.fullmatch(dotted):
            continue
        module = first = called.get(first, first)
        for name in rest:
            a_class = re.match("[A-Z][a-z]", name)
            of_room = module == first and module in rooms - CONFIG_PARTS
            if (a_class or of_room) and name not in modules().get(module, ()):
                found.append(dotted)
            module = name
    return found


@functools.cache
def renamed_modules():
    """Last names of modules that there were, and are no more."""
    table = (ROOT / "tests" / "old_words.md").read_text(encoding="utf-8")
    modules_alone = table.partition("### Names")[0]
    names = re.findall(r"^\| `([\w.]+)` \|", modules_alone, re.M)
    others = {"augment", "strategy"}  # Of a config, of TensorFlow.
    return {n.rpartition(".")[2] for n in names} - set(modules()) - others


@pytest.mark.parametrize("path", [*PYTHON, *DOCUMENTS], ids=str)
def test_names_in_modules_exist(path):
    if path.suffix == ".py":
        found = missing_names(docstrings(path), imported(path))
    else:
        found = missing_names(prose(path), imported(path))
    assert found == []


def test_a_missing_name_is_seen():
    text = "devices.Devices, launch.Devices, strategy.Workers, keras.Model, "
    text += "pictures.neighbours_sheet, pictures.sheets, layers.Dense, s.Net"
    assert missing_names(text, {"layers": "", "s": "sheets"}) == [
        "launch.Devices",
        "strategy.Workers",
        "pictures.neighbours_sheet",
        "s.Net",
    ]


@pytest.mark.parametrize("path", NOTES, ids=lambda path: path.name)
def test_notes_name_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert missing(text) == []
    assert missing_names(text, {"layers": ""}) == []
    old = "|".join(sorted(renamed_modules()))
    assert re.findall(rf"(?<![\w.])(?:{old})\.\w+", text) == []
    assert "rundir" in old and "startup" not in old


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_no_docstring_says_see_a_module_that_was(path):
    old = "|".join(sorted(renamed_modules()))
    assert re.findall(rf"\bsee (?:{old})\b", docstrings(path)) == []


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


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_docstrings_name_the_error_that_is_raised(path):
    """Bad input is an InputError; who catches ValueError meets both."""
    words = re.findall(
        r"(?:Raises |^ +|, |; )ValueError\b", docstrings(path), re.M
    )
    interface = path.relative_to(ROOT).as_posix() == "simclr/data/source.py"
    raised = "raise ValueError" in path.read_text(encoding="utf-8")
    assert words == [] or raised or interface


@functools.cache
def help_of(name):
    return help_text(name, COMMANDS[name]) + "\n  --help"


def unknown_flags(text):
    """Flags in `simclr COMMAND --flag ...` that the command does not have."""
    text = re.sub(r"\\\n\s*|\n *(?=--)", " ", text)  # Lines that go on.
    names = "|".join(
        sorted(COMMANDS, key=len, reverse=True)
    )  # Two words first.
    return [
        f"{name} --{flag}"
        for name, rest in re.findall(rf"\bsimclr ({names})\b([^\n`]*)", text)
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
    if line == "make demo":
        assert str(path.relative_to(ROOT)) in (ROOT / "Makefile").read_text()
        return
    command, values, others = parse(shlex.split(line)[1:], COMMANDS)
    named = others[0] if "pipeline" in command.module else values.config
    assert recipes.find(named) in (str(path), str(path.relative_to(ROOT)))


def test_train_pyz_names_all_commands_whose_runs_are_lowered():
    """One alone would be refused for the recipes of the others."""
    words = re.findall(r"`(?:simclr )?(\w+)`", runner.__doc__)
    assert {"pretrain", "finetune", "distill"} <= set(words)


def test_recipes_of_one_name_have_folders_of_their_own():
    one = run_name("configs/demo.py")
    several = pipeline.default_workdir("configs/pipelines/demo.py")
    assert several == "runs/demo_pipeline" != f"runs/{one}"


@pytest.mark.parametrize("path", [*PYTHON, *DOCUMENTS], ids=str)
def test_no_unknown_flag_is_named(path):
    text = docstrings(path) if path.suffix == ".py" else prose(path)
    assert unknown_flags(text) == []


def test_an_unknown_flag_is_seen():
    text = "say `simclr evaluate RUN --nobaselines --lost=1` or\n"
    text += "    simclr pretrain --data=X \\\n  --gone\n"
    text += "`simclr study --list`, simclr study grid --axis=a=1 --quick"
    assert unknown_flags(text) == [
        "evaluate --lost",
        "pretrain --gone",
        "study grid --quick",
    ]
