"""Every command in the README and in docs/ is one that the program takes."""

import ast
import glob
import os
import re
import shlex

import pytest

from simclr.cli.commands import COMMANDS
from simclr.cli.line import parse
from simclr.config import recipes

PAGES = ["README.md", *sorted(glob.glob("docs/*.md"))]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def commands(path):
    """Lines to type, of the code blocks that name no language."""
    blocks = re.findall(
        r"^```(\w*)\n(.*?)^```", read(path), re.DOTALL | re.MULTILINE
    )
    return [
        line
        for language, block in blocks
        if not language
        for line in block.splitlines()
        if re.match(r"(simclr|make|pip) ", line)
    ]


def test_there_are_some():
    assert sum(line.startswith("simclr ") for line in commands(PAGES[0])) >= 6
    assert sum(len(commands(path)) for path in PAGES[1:]) >= 6


@pytest.mark.parametrize(
    "line", sorted({line for path in PAGES for line in commands(path)})
)
def test_command_is_true(line):
    program, *words = shlex.split(line)
    if program == "simclr":
        _, values, others = parse(words, COMMANDS)
        if words[0] == "pipeline":
            assert recipes.find(others[0])
        elif "config" in values and values.config:
            assert recipes.find(values.config)
    elif program == "make":
        assert f"\n{words[0]}: " in read("Makefile")
    else:
        setup = read("setup.py")
        for extra in re.search(r"\[([\w,]+)\]", line).group(1).split(","):
            assert f'"{extra}": ' in setup


@pytest.mark.parametrize("path", PAGES)
def test_what_is_linked_is_there(path):
    """Pictures, logs, pages and their sections."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", read(path)):
        other, _, section = target.partition("#")
        other = os.path.join(os.path.dirname(path), other) if other else path
        assert os.path.exists(other), target
        if section:
            titles = re.findall(r"^#+ (.+)$", read(other), re.MULTILINE)
            anchors = [
                re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
                for title in titles
            ]
            assert section in anchors, target


def test_every_page_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\((docs/\w+\.md)", read("README.md")))
    assert set(PAGES[1:]) - linked == set()


def test_the_readme_stays_short():
    assert len(read("README.md").splitlines()) <= 220


def test_the_demo_is_expected_to_give_what_it_gave():
    recipe = ast.get_docstring(ast.parse(read("configs/pipelines/demo.py")))
    expected = re.findall(r"\d+\.\d", recipe.split("Expected:")[1])
    demo = read("README.md").split("`make demo` takes")[1].split("## ")[0]
    assert len(expected) == 5 and set(expected) <= set(
        re.findall(r"\d+\.\d", demo)
    )
    recipe = ast.get_docstring(ast.parse(read("configs/demo.py")))
    linear, knn = re.findall(r"(\d+\.\d) %", recipe.split("Expected:")[1])[:2]
    [row] = re.findall(r"^\| `configs/demo.py`.*", read("README.md"), re.M)
    assert f"| {knn} % | {linear} % |" in row


@pytest.mark.parametrize("path", [*PAGES, "BUILD_NOTES.md"])
def test_nothing_is_left_to_be_filled_in(path):
    left = re.findall(
        r"\b(?:TODO|TBD|(?!BUILD)[A-Z]+_(?:ROWS?|TEXT|TIME|NOTES|RUN|TABLE))\b",
        read(path),
    )
    assert left == []
