"""docs/commands.md: `python -m simclr.cli.page > docs/commands.md`."""

import re

import simclr
from simclr.cli.commands import COMMANDS
from simclr.cli.flags import DEBUG

_BEGIN = """\
# Commands

Each command is also a function in Python with the same arguments. This page,
`simclr NAME --help` and `help(simclr.pretrain)` are made of the function's
signature (`python -m simclr.cli.page > docs/commands.md`).
"""
_EVERY = f"Every command line takes `--{DEBUG.name}`, too: {DEBUG.help}\n"


def page(commands):
    """The page, a str.

    Args:
        commands: dict of name -> Command.
    """
    parts = [_BEGIN, _EVERY, "| command | what it does |\n|---|---|"]
    parts += [
        f"| [{name}](#{_anchor(name, command)}) | {command.summary} |"
        for name, command in commands.items()
    ]
    parts[-1] += "\n"
    for name, command in commands.items():
        words = "".join(f" {word}" for word in command.words)
        parts.append(f"## simclr {name}{words}\n\n{command.summary}\n")
        parts.append(f"In Python `{_in_python(command.function)}`.\n")
        parts.append("| argument | default | |\n|---|---|---|")
        parts += [_row(argument) for argument in command.arguments]
        parts[-1] += "\n"
    return "\n".join(parts)


def _anchor(name, command):
    """What a title is called in links, by GitHub and by the site."""
    title = " ".join(["simclr", name, *command.words]).lower()
    return re.sub(r"[^\w -]", "", title).replace(" ", "-")


def _in_python(function):
    name, module = function.__name__, function.__module__
    if name in simclr.__all__:
        return f"simclr.{name}"
    return f"from {module} import {name}"


def _row(argument):
    if argument.rest:
        shown, default = f"`**{argument.name}`, in Python alone", ""
    elif argument.required:
        shown, default = f"`{argument.name.upper()}`", ""
    else:
        mark = f"`--{argument.name}`"
        shown = mark if argument.flag else f"`{argument.name}`, in Python alone"
        default = argument.default_words()
        default = f"`{default}`" if default else ""
    text = argument.words("`{}`".format).replace("|", "\\|")
    if argument.choices:
        text += f" One of {', '.join(f'`{c}`' for c in argument.choices)}."
    return f"| {shown} | {default} | {text} |"


if __name__ == "__main__":
    print(page(COMMANDS), end="")
