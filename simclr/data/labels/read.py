"""Labels from a table of text: which image is of which class."""

import collections
import re
import typing

import numpy as np

from simclr.data.labels import columns, spelling
from simclr.data.labels.matching import EXACT, MISSING, SEVERAL, Matcher
from simclr.data.labels.numbers import by_value
from simclr.messages.counts import counted, first_few
from simclr.messages.errors import InputError
from simclr.storage.text_table import read_table

# More ids than that without an image: the table is of other images.
_MOST_MISSING = 0.05
# No class, as pandas, spreadsheets and databases write what is missing.
_NONE = frozenset(["", "nan", "<na>", "n/a", "#n/a", "null"])
_SEPARATORS = re.compile(r"[|;,\s]+")


def read_labels(labels, source, root=""):
    """Reads a table of ids and labels and fits it to a source.

    Args:
        labels: path of a table (storage/text_table.py), whose columns are found
            (columns.py), or spelling.with_columns of one. An id means an image
            as matching.py says. An empty label is none, nor is "nan". Spaces
            around a cell do not count, but those of a name in quotes do.
        source: Source; gets a note of what was found out.
        root: str, what ids of the source begin with in a store: ROOT/ID is an
            id, too.

    Returns:
        labels: int32 [num], -1 for images without a row.
        class_names: list of str: the source's own where the labels are all
            among them (a part of its labels then keeps their numbers), else
            sorted; numbers by their value.

    Raises:
        InputError: no such columns, no rows, ids that are ambiguous or
            labelled twice, or more than a twentieth that are not there; says
            how many.
        OSError: the file cannot be read.
    """
    path, id_column, label_column = spelling.parts(labels)
    matcher = Matcher(source, root)
    table = read_table(path)
    found = columns.find(
        path,
        table.rows,
        matcher.is_id,
        id_column=id_column,
        label_column=label_column,
    )
    matched = _match(path, found.rows, matcher, source)
    known = set(source.class_names or ())
    named = {index: _class(cell, known) for index, cell in matched.cells}
    class_names = sorted(set(named.values()) - {""}, key=by_value)
    if not class_names:
        raise InputError(f"{path} labels nothing: {len(found.rows):,} rows.")
    notes = [*table.notes, found.note, *matched.notes]
    notes.append(_several(named, class_names))
    if any(notes):
        source.notes.append(f"{path}: {'; '.join(filter(None, notes))}")
    if set(class_names) <= known:
        class_names = list(source.class_names)
    number = {name: i for i, name in enumerate(class_names)} | {"": -1}
    labels = np.full([len(source)], -1, np.int32)
    for index, label in named.items():
        labels[index] = number[label]
    return labels, class_names


class _Matched(typing.NamedTuple):
    cells: list  # of (index of the image, label as it stands there).
    notes: list  # of str.


def _match(path, rows, matcher, source):
    """The images of the rows.

    Raises:
        InputError: as for read_labels.
    """
    cells, ways = {}, collections.Counter()
    unknown, ambiguous, twice = [], [], []
    for name, label in rows:
        index, how = matcher.find(name)
        if index == MISSING:
            unknown.append(name)
        elif index == SEVERAL:
            ambiguous.append(name)
        else:
            ways[how] += 1
            if cells.setdefault(index, label).strip() != label.strip():
                twice.append(name)
    many = len(unknown) > _MOST_MISSING * len(rows)
    for what, names in (
        (f"are not in {source.name}", unknown if many else []),
        ("are the name of several images; give paths", ambiguous),
        ("have two different labels", twice),
    ):
        if names:
            raise InputError(
                f"{path}: {len(names):,} of {len(rows):,} ids {what}, such "
                f"as {names[0]!r}; the source has ids such as "
                f"{source.id(0)!r}."
            )
    notes = []
    if set(ways) - {EXACT}:
        notes = [
            f"{count:,} of {len(rows):,} ids matched {how}"
            for how, count in ways.most_common()
        ]
    if unknown:
        notes.append(
            f"{counted(len(unknown), 'id')} of {len(rows):,} not in "
            f"{source.name}: {first_few(unknown, 5)}"
        )
    return _Matched(list(cells.items()), notes)


def _class(cell, known):
    """The class that a cell names, or ""."""
    if cell in known:
        return cell
    text = cell.strip()
    return "" if text.casefold() in _NONE and text not in known else text


def _several(named, class_names):
    """What is to be said of cells that seem to hold several classes."""
    whole = set(class_names)
    several = {
        name
        for name in class_names
        if "|" in name.strip("|")
        or (
            len(parts := _SEPARATORS.split(name)) > 1
            and all(part in whole for part in parts)
        )
    }
    if not several:
        return ""
    count = sum(label in several for label in named.values())
    return (
        f"{counted(count, 'label')} seem to hold several classes, such as "
        f"{min(several)!r}: an image has one, and each of these counts as a "
        "class of its own"
    )
