"""Every command in the README is one that the program takes."""

import os
import re
import shlex

import pytest

from simclr.__main__ import COMMANDS
from simclr.cli.line import parse


def commands():
    with open("README.md") as file:
        blocks = re.findall(
            r"^```(\w*)\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE
        )
    return [
        line
        for language, block in blocks
        if not language
        for line in block.splitlines()
        if re.match(r"(simclr|make|pip) ", line)
    ]


def test_there_are_some():
    assert sum(line.startswith("simclr ") for line in commands()) >= 6


@pytest.mark.parametrize("line", commands())
def test_command_is_true(line):
    program, *words = shlex.split(line)
    if program == "simclr":
        _, values, _ = parse(words, COMMANDS)
        if "config" in values and values.config:
            assert os.path.exists(values.config)
    elif program == "make":
        with open("Makefile") as file:
            assert f"\n{words[0]}: " in file.read()
    else:
        with open("setup.py") as file:
            setup = file.read()
        for extra in re.search(r"\[([\w,]+)\]", line).group(1).split(","):
            assert f'"{extra}": ' in setup


def test_pictures_and_files_exist():
    with open("README.md") as file:
        text = file.read()
    for path in re.findall(r"\]\((docs/[^)]+)\)", text):
        assert os.path.exists(path), path
    for path in re.findall(r"`((?:configs|tests|benchmarks)/\w+\.py)`", text):
        assert os.path.exists(path), path


@pytest.mark.parametrize("path", ["README.md", "BUILD_NOTES.md"])
def test_nothing_is_left_to_be_filled_in(path):
    with open(path) as file:
        left = re.findall(
            r"\b(?:TODO|TBD|(?!BUILD)[A-Z]+_(?:ROWS?|TEXT|TIME|NOTES|RUN|TABLE))\b",
            file.read(),
        )
    assert left == []
