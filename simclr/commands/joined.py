"""Arguments that become a part of others, in every command that takes those.

`--id_column=image_id --labels=train.csv` is one text when a command begins,
columns:image_id,:train.csv. So a run's config keeps it, and nothing between a
command and its images passes it on.
"""

import inspect
from typing import Annotated, Literal

from simclr.commands import arguments
from simclr.data.labels import spelling
from simclr.data.sources import registry
from simclr.messages.errors import InputError

_NEEDED = {"data", "labels"}  # Who takes both takes the following.
_ADDED = {
    "id_column": Annotated[
        arguments.Text,
        "Name or number of the column of ids in a table of labels; "
        "default: detected.",
    ],
    "label_column": Annotated[
        arguments.Text,
        "Name or number of the column of labels; default: detected.",
    ],
    "classes": Annotated[
        Literal["auto", "folders"],
        "folders: each sub-folder is a class, at any depth; "
        "auto: where they look like classes.",
    ],
    "image_key": Annotated[
        arguments.Text,
        "Name of the feature that holds the image in the records of "
        "`data`; default: detected in the first record.",
    ],
    "label_key": Annotated[
        arguments.Text,
        "Name of the feature that holds the label; default: detected.",
    ],
}
_DEFAULTS = {"classes": "auto"}


def signature(function):
    """A function's signature with the arguments that it gets, after labels."""
    plain = inspect.signature(function)
    if not plain.parameters.keys() >= _NEEDED:
        return plain
    parameters = []
    for name, parameter in plain.parameters.items():
        parameters.append(parameter)
        if name == "labels":
            parameters += [
                inspect.Parameter(
                    added,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=_DEFAULTS.get(added, ""),
                    annotation=hint,
                )
                for added, hint in _ADDED.items()
            ]
    return plain.replace(parameters=parameters)


def joined(values):
    """A command's arguments, each of these a part of those that it is of.

    Args:
        values: dict of name -> value, checked; changed in place.

    Raises:
        InputError: what it would be a part of is missing.
    """
    if not values.keys() >= _ADDED.keys():
        return
    id_column, label_column, classes, *keys = [values.pop(x) for x in _ADDED]
    for flag, column in zip(_ADDED, (id_column, label_column)):
        if column:
            _require(values, ("labels", "eval_labels"), f"--{flag}", "a table")
    for name in {"labels", "eval_labels"} & values.keys():
        values[name] = spelling.with_columns(
            values[name], id_column, label_column
        )
    if classes == "folders":
        if values["labels"]:
            raise InputError(
                "--classes=folders and --labels both say the labels: give one."
            )
        values["labels"] = spelling.FOLDERS
    for flag, key in zip(list(_ADDED)[-2:], keys):
        if key:
            _require(values, ("data", "eval_data"), f"--{flag}", "records")
    for name in {"data", "eval_data"} & values.keys():
        values[name] = registry.with_keys(values[name], *keys)


def _require(values, names, flag, what):
    if not any(values.get(name) for name in names):
        raise InputError(f"{flag} is of {what}: say --{names[0]}, too.")
