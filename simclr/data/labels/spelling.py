"""How labels are spelt: one text that a config keeps and a flag takes.

labels.csv                          a table
columns:ID,LABEL:labels.csv         one whose columns are called so
folders                             sub-folders, whatever their shape
none                                no labels
"""

import urllib.parse

from simclr.messages.errors import InputError
from simclr.storage import files

NONE, FOLDERS = "none", "folders"
_COLUMNS = "columns:"


def with_columns(labels, id_column, label_column):
    """The spelling of a table whose columns a user names.

    Args:
        labels: str, path of the table.
        id_column, label_column: str, or "" for one that is found.
    """
    if not (id_column or label_column) or labels in ("", NONE, FOLDERS):
        return labels
    names = ",".join(
        urllib.parse.quote(name, safe=" ") for name in (id_column, label_column)
    )
    return f"{_COLUMNS}{names}:{labels}"


def parts(labels):
    """(path, id column, label column) of a table; "" where none is named.

    Raises:
        InputError: it names columns in another way.
    """
    if not labels.startswith(_COLUMNS):
        return labels, "", ""
    names, _, path = labels.removeprefix(_COLUMNS).partition(":")
    columns = [urllib.parse.unquote(name) for name in names.split(",")]
    if len(columns) != 2 or not path:
        raise InputError(
            f"{labels!r} names the columns of a table: columns:ID,LABEL:PATH."
        )
    return path, *columns


def is_table(labels):
    """Whether it is a file that says the labels."""
    return labels not in ("", NONE, FOLDERS)


def absolute(labels):
    """The same labels, whatever the current folder will be."""
    if not is_table(labels):
        return labels
    path, *columns = parts(labels)
    return with_columns(files.absolute(path), *columns)
