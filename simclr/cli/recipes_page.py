"""docs/recipes.md: `python -m simclr.cli.recipes_page > docs/recipes.md`."""

import ast
import pathlib
import re

from simclr.config import recipes

_BEGIN = """\
# Recipes

A recipe is a Python file with what differs from the defaults of [all
settings](reference.md#settings). The recipes of this table are part of the
package: `--config=NAME` finds them from any folder, by its path in the
repository, too (`--config=configs/demo.py`). A recipe of several stages is for
`simclr pipeline NAME`. `--set KEY=VALUE` changes any setting:

```
simclr pretrain --config=demo --set epochs=30 --set loss.temperature=0.5
```

A recipe of your own is a Python file that sets `config = Config(...)`, and
`--config=FILE`. The file is run: take none that you would not run.

This page is made of the recipes' own titles:
`python -m simclr.cli.recipes_page`.
"""
_PARTS = (
    ("Run by us", "The last column is what it gave."),
    (
        "Not yet run",
        "Ready to run, with the numbers that the papers publish, where they "
        "do.",
    ),
)


def page():
    """The page, a str."""
    rows = {title: [] for title, _ in _PARTS}
    for name in sorted(
        recipes.names(), key=lambda name: (name.count("/"), name)
    ):
        what, hardware, expected = _title(recipes.find(name))
        run = not re.search(r"not (yet run|measured)", expected, re.I)
        rows[_PARTS[0 if run else 1][0]].append(
            f"| `{name}` | {what} | {hardware} | {expected} |"
        )
    parts = [_BEGIN]
    for title, words in _PARTS:
        parts += [f"## {title}\n", f"{words}\n"]
        parts += ["| recipe | what | hardware | expected |\n|---|---|---|---|"]
        parts += [*rows[title][:-1], rows[title][-1] + "\n"]
    return "\n".join(parts)


def _title(path):
    """(what, hardware, expected) of a recipe's docstring, a line each."""
    text = ast.get_docstring(ast.parse(pathlib.Path(path).read_text("utf-8")))
    what = text.partition("\n")[0].rstrip(".")
    fields = re.split(r"^(\w+):", text, flags=re.M)
    fields = dict(zip(fields[1::2], fields[2::2]))
    hardware, expected = (
        " ".join(fields[field].split()).rstrip(".")
        for field in ("Hardware", "Expected")
    )
    return what, hardware, _linked(expected)


def _linked(text):
    """Text in which pages that are named are links."""
    text = re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", text)
    return text.replace("README", "[README](../README.md)")


if __name__ == "__main__":
    print(page(), end="")
