"""Every command in the README and in docs/ is one that the program takes."""

import ast
import glob
import json
import os
import re
import shlex
import statistics

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


def test_the_readme_and_the_notes_stay_short():
    assert len(read("README.md").splitlines()) <= 140
    assert len(read("BUILD_NOTES.md").splitlines()) <= 150


def row(name):
    """A row of the README's results."""
    [found] = re.findall(rf"^\| {name}.*", read("README.md"), re.M)
    return found


def expected(recipe):
    """What a recipe expects, as texts of numbers."""
    text = ast.get_docstring(ast.parse(read(recipe))).split("Expected:")[1]
    return re.findall(r"\d+\.\d", text)


def test_the_demo_is_expected_to_give_what_it_gave():
    _, *classifiers = expected("configs/pipelines/demo.py")
    assert len(classifiers) == 4
    assert f"| {', '.join(classifiers)} |" in row("120 labels")
    linear, knn = expected("configs/demo.py")[:2]
    assert f"| {knn} | {linear} |" in row("`demo`")


@pytest.mark.parametrize(
    "name, recipe",
    [
        ("`cifar10_resnet18_cpu`", "cifar10_resnet18_cpu"),
        ("`cifar10_distill`", "cifar10_distill"),
    ],
)
def test_rows_are_what_recipes_expect(name, recipe):
    told = set(re.findall(r"\d+\.\d", row(name)))
    assert set(expected(f"configs/{recipe}.py")) <= told


def log(name):
    return [json.loads(line) for line in read(f"docs/{name}").splitlines()]


def test_numbers_from_logs_are_the_logs():
    [h100] = [r["knn"] for r in log("cifar10_h100.jsonl")[-1:]]
    assert f"| {100 * h100:.1f} |" in row("`cifar10_resnet18`, 200")
    assert f"{100 * h100:.1f} % kNN" in read("docs/gpu_without_tensorflow.md")
    rates = [
        r["images_per_second"]
        for r in log("cifar10.jsonl")
        if "images_per_second" in r
    ]
    assert f"a median of {statistics.median(rates):.0f} images/s" in " ".join(
        read("docs/results.md").split()
    )


@pytest.mark.parametrize("path", [*PAGES, "BUILD_NOTES.md"])
def test_nothing_is_left_to_be_filled_in(path):
    left = re.findall(
        r"\b(?:TODO|TBD|(?!BUILD)[A-Z]+_(?:ROWS?|TEXT|TIME|NOTES|RUN|TABLE))\b",
        read(path),
    )
    assert left == []


def test_objectives_are_those_of_their_cells():
    """docs/objectives.md has each cell of docs/objectives.json."""
    page = read("docs/objectives.md")
    header = re.search(r"^\| batch \|(.*)\|$", page, re.M).group(1)
    batches = [int(b.replace(",", "")) for b in header.split("|")]
    cells = json.loads(read("docs/objectives.json"))
    for name in {cell["objective"] for cell in cells}:
        [line] = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", page, re.M)
        assert dict(zip(batches, map(str.strip, line.split("|")))) == {
            batch: "".join(
                f"{100 * cell['kNN']:.1f} / {100 * cell['linear']:.1f}"
                for cell in cells
                if (cell["objective"], cell["batch"]) == (name, batch)
            )
            for batch in batches
        }
