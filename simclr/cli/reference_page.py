"""docs/reference.md: `python -m simclr.cli.reference_page > docs/reference.md`.

Made of signatures, docstrings and comments. It imports TensorFlow.
"""

import dataclasses
import inspect
import re

import simclr
from simclr.commands.run import Run
from simclr.config import schema

_BEGIN = """\
# Python reference

[simclr in Python](python.md) shows how to use it. This page is made of the
code's docstrings (`python -m simclr.cli.reference_page > docs/reference.md`).

## Commands as functions

The arguments are those of the [command](commands.md) of the same name.
"""
_SETTINGS = """\
## Settings

All settings of a `simclr.Config`, with their defaults. On the command line they
are `--set KEY=VALUE`. In a recipe they are arguments: `Config(epochs=20,
model=Model(depth=50))`.
"""


def page():
    """The page, a str."""
    parts = [_BEGIN]
    for name in simclr.__all__:
        value = getattr(simclr, name)
        if inspect.isfunction(value):
            parts.append(_entry(f"simclr.{name}", value))
    parts += ["## A run\n", _entry("simclr.Run", Run)]
    parts += [
        _entry(f"Run.{name}", member)
        for name, member in vars(Run).items()
        if not name.startswith("_") and inspect.getdoc(member)
    ]
    for module in (simclr.losses, simclr.optimizers):
        parts.append(f"## {module.__name__}\n")
        parts += [
            _entry(f"{module.__name__}.{name}", getattr(module, name))
            for name in module.__all__
        ]
    parts += [_SETTINGS, *map(_settings, _parts())]
    return "\n".join(parts)


def _entry(name, value):
    """A title with the signature, and the docstring."""
    first, _, rest = inspect.getdoc(value).partition("\n")
    call = name
    if hasattr(value, "__wrapped__"):  # A command: its own page has Args.
        rest = re.sub(r"\nArgs:\n(?: .*\n|\n)*(?=\w|$)", "\n", f"{rest}\n")
        call += "(...)"
    elif inspect.isfunction(value):
        call += str(inspect.signature(value)).replace("(self, ", "(")
    rest = rest.strip("\n")
    body = f"```text\n{rest}\n```\n" if rest else ""
    return f"### `{call}`\n\n{first}\n\n{body}"


def _parts():
    """The dataclasses of a Config, in the order of their file."""
    return [
        value
        for value in vars(schema).values()
        if dataclasses.is_dataclass(value)
        and value.__module__ == schema.__name__
    ]


def _settings(part):
    """A table of a part's settings."""
    prefix, comments = part._prefix, _comments(inspect.getsource(part))
    rows = [
        f"| `{prefix}{field.name}` | `{field.default!r}` "
        f"| {comments.get(field.name, '')} |".replace(" |  |", " | |")
        for field in dataclasses.fields(part)
        if not dataclasses.is_dataclass(field.default)
    ]
    first = inspect.getdoc(part).partition("\n")[0]
    head = f"### `{part.__name__}`\n\n{first}\n\n| setting | default | |"
    return "\n".join([head, "|---|---|---|", *rows, ""])


def _comments(source):
    """dict of a field's name -> its comments, those above it first."""
    found, above = {}, []
    for line in source.splitlines():
        field = re.match(r"    (\w+): .*?(?:  # (.*))?$", line)
        if comment := re.match(r"    # (.*)", line):
            above.append(comment.group(1))
        elif field:
            words = [*above, field.group(2) or ""]
            found[field.group(1)] = " ".join(words).strip().replace("|", "\\|")
            above = []
        else:
            above = []
    return found


if __name__ == "__main__":
    print(page(), end="")
