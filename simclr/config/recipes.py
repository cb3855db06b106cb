"""Recipes by name: those of this package, or a file of one's own."""

import os

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# An installed package has them inside, the repository beside it (setup.py).
_PLACES = (
    os.path.join(_PACKAGE, "recipes"),
    os.path.join(os.path.dirname(_PACKAGE), "configs"),
)


def find(name):
    """The file of a recipe.

    Args:
        name: path of a file; else a recipe of this package: `demo`,
            `pipelines/demo`, or as the repository has it, `configs/demo.py`.

    Returns:
        str, a path.

    Raises:
        InputError: there is neither.
    """
    if os.path.isfile(name):
        return name
    inner = name.removeprefix("configs/").removesuffix(".py")
    for place in _PLACES:
        path = os.path.join(place, *f"{inner}.py".split("/"))
        if inner and ".." not in inner.split("/") and os.path.isfile(path):
            return path
    raise InputError(
        f"No recipe at {name}, and none of this package has that name."
        f"{did_you_mean(inner, names())}"
    )


def names():
    """list of str, the names of this package's recipes."""
    return [
        os.path.relpath(os.path.join(folder, file), place)
        .removesuffix(".py")
        .replace(os.sep, "/")
        for place in _PLACES
        for folder, _, files in os.walk(place)
        for file in files
        if file.endswith(".py")
    ]
