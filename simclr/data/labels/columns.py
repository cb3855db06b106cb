"""Which column of a table names the image, and which one its class."""

import re
import typing

from simclr.data.labels.matching import ENDINGS
from simclr.messages.counts import first_few
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

# As people call them, in plain letters; the first that is there counts.
_IDS = (
    *("id", "imageid", "filename", "file", "image", "imagename", "filepath"),
    *("path", "imagepath", "idcode", "img", "name", "fname", "uuid", "key"),
)
_LABELS = (
    *("label", "class", "labels", "classname", "category", "target", "species"),
    *("breed", "diagnosis", "labelname", "classes", "y", "classid", "labelid"),
)
_SAMPLE = 500  # Rows that are looked at.
_ENOUGH = 0.5  # The share of them that an id column has to fit.


class Columns(typing.NamedTuple):
    """What was found in a table.

    Attributes:
        rows: list of (id, label) as they stand there.
        note: str, which columns they are; "" for id and label.
    """

    rows: list
    note: str


def find(path, rows, is_id, *, id_column="", label_column=""):
    """Finds the ids and the labels of a table.

    A column is found by the name that was given; else ids by what they name,
    labels by the usual names of such columns, or because no other is left. A
    table of zeros and ones with one column a class is read, too.

    Args:
        path: str, of the table, for messages.
        rows: list of lists of str, the header among them, if there is one.
        is_id: function of a cell to the image that it names, None for none.
        id_column, label_column: what the header calls them, or their numbers
            from 1; "": found.

    Returns:
        Columns.

    Raises:
        InputError: a column is not there, or it is not clear which one.
    """
    if not rows:
        raise InputError(f"{path} is empty: it has no row.")
    names = [name.strip() for name in rows[0]]
    found_id = _named(path, id_column, names)
    found_label = _named(path, label_column, names)
    plain = [_plain(name) for name in names]
    if {"id", "label"} <= set(names):  # Ours.
        header = True
        found_id = names.index("id") if found_id is None else found_id
        if found_label is None:
            found_label = names.index("label")
    else:
        if found_id is None:
            found_id = _id_column(path, rows, names, is_id)
        given = {id_column, label_column} & set(names)
        header = bool(given - {""}) or _has_header(
            rows[0], found_id, plain, is_id
        )
    if not id_column:
        _require_agreement(path, rows, names, found_id, found_label, is_id)
    body = rows[1:] if header else rows
    _require_even(path, body, len(names))
    if found_label is None:
        left = [i for i in range(len(names)) if i != found_id]
        found_label = _label_column(path, body, names, left, header)
    cells = [[*row, *[""] * (len(names) - len(row))] for row in body]
    if isinstance(found_label, list):
        what = f"a class for each of {len(found_label)} columns"
        labels = [_one_hot(path, row, names, found_label) for row in cells]
    else:
        what = f"labels in column {_called(names, found_label, header)}"
        labels = [row[found_label] for row in cells]
    pairs = [(row[found_id], label) for row, label in zip(cells, labels)]
    if header and (names[found_id], found_label) == (
        "id",
        names.index("label") if "label" in names else None,
    ):
        return Columns(pairs, "")
    return Columns(
        pairs, f"ids in column {_called(names, found_id, header)}, {what}"
    )


def _named(path, given, names):
    """The column that a user named, or None."""
    if not given:
        return None
    if given in names:
        return names.index(given)
    if given.isdecimal() and 1 <= int(given) <= len(names):
        return int(given) - 1
    raise InputError(
        f"{path} has no column {given!r}, only {_listed(names)}."
        + did_you_mean(given, names)
    )


def _id_column(path, rows, names, is_id):
    """The column that names the most images."""
    sample = _sample(rows)
    reached = [
        len(set(_images(sample, column, is_id)) - {None})
        for column in range(len(names))
    ]
    most = max(reached)
    plain = [_plain(name) for name in names]
    known = [i for name in _IDS for i, x in enumerate(plain) if x == name]
    if most < _ENOUGH * len(sample):
        # Rows may repeat an image, or name few that there are: by its name.
        if known or most:
            return known[0] if known else reached.index(most)
        raise InputError(
            f"{path} names no image that is there: its first line is "
            f"{_listed(names)}. Say --id_column=NAME, and see that it is of "
            "these images."
        )
    best = [i for i, count in enumerate(reached) if count == most]
    return next((i for i in known if i in best), best[0])


def _sample(rows):
    """Some rows, without the first, which may be a header."""
    return rows[1 :: max(1, len(rows) // _SAMPLE)] or rows


def _images(sample, column, is_id):
    """The image that each row names in a column, a list; None for none."""
    cells = [row[column] if column < len(row) else "" for row in sample]
    return [is_id(cell) if cell.strip() else None for cell in cells]


def _require_agreement(path, rows, names, found_id, found_label, is_id):
    """Refuses two columns that name images, and not the same ones.

    Numbers of rows do, where images are called 0.jpg, 1.jpg, ...
    """
    sample = _sample(rows)
    ours = _images(sample, found_id, is_id)
    for column in set(range(len(names))) - {found_id, found_label}:
        theirs = _images(sample, column, is_id)
        several = len(set(theirs) - {None}) > max(1, _ENOUGH * len(sample))
        if several and ours != theirs:
            raise InputError(
                f"{path}: the columns {names[found_id]!r} and "
                f"{names[column]!r} both name images, and not the same ones: "
                "say which, --id_column=NAME."
            )


def _has_header(first, column, plain, is_id):
    """Whether the first row names columns."""
    cell = first[column]
    if is_id(cell) is not None or ENDINGS.search(cell.strip()):
        return False
    known = {*_IDS, *_LABELS} & set(plain)
    return bool(known) or not any(c.strip().isdecimal() for c in first)


def _label_column(path, body, names, left, header):
    """The column of the labels, or a list of columns, one a class."""
    if len(left) == 1:
        return left[0]
    if not left:
        raise InputError(
            f"{path} has one column, {names[0]!r}: a label beside each id is "
            "missing."
        )
    by_name = {}
    for column in left if header else []:
        by_name.setdefault(_plain(names[column]), column)
    for name in _LABELS:
        if name in by_name:
            return by_name[name]
    if header and len(left) > 1 and _is_one_hot(body, left):
        return left
    told = [i for i in left if _repeats(body, i)]
    if len(told) == 1:
        return told[0]
    raise InputError(
        f"{path} has the columns {_listed(names)}: say which are the labels, "
        "--label_column=NAME."
    )


def _repeats(body, column):
    """Whether a column has few words for many rows, as classes have."""
    cells = {row[column].strip() for row in body if column < len(row)} - {""}
    return 1 < len(cells) <= len(body) / 2


def _is_one_hot(body, columns):
    step = max(1, len(body) // _SAMPLE)
    for row in body[::step]:
        cells = [row[i].strip() if i < len(row) else "" for i in columns]
        if any(cell not in ("0", "1", "0.0", "1.0") for cell in cells):
            return False
    return bool(body)


def _one_hot(path, row, names, columns):
    """The name of the one class of a row of zeros and ones."""
    found = [i for i in columns if row[i].strip() in ("1", "1.0")]
    if len(found) > 1:
        raise InputError(
            f"{path} gives several classes to one image, such as "
            f"{first_few(names[i] for i in found)} in the row of {row[0]!r}; "
            "an image has one. Say --label_column=NAME for one of them."
        )
    return names[found[0]] if found else ""


def _require_even(path, body, width):
    """Refuses rows with more cells than the first line has."""
    for row in body:
        if any(cell.strip() for cell in row[width:]):
            raise InputError(
                f"{path} has {len(row)} cells in a row and {width} in its "
                f"first line: {first_few(row, 4)}. A name with a comma stands "
                "in quotes."
            )


def _called(names, column, header):
    return repr(names[column]) if header else str(column + 1)


def _listed(names):
    return first_few([repr(name) for name in names], 8)


def _plain(name):
    """A column's name in plain letters: "Image_ID" as "imageid"."""
    return re.sub(r"[\W_]", "", name.casefold())
