"""A table of text as people have it: CSV, TSV, whatever a spreadsheet wrote."""

import codecs
import csv
import io
import re
import typing

from simclr.messages.errors import InputError
from simclr.storage import files

# The first that fits counts; a space only where nothing else does.
_DELIMITERS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "vertical bars",
    " ": "spaces",
}
# What spreadsheets write before a table, for other spreadsheets.
_SAID = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
# By their first bytes.
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "a workbook, or another ZIP file"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a workbook of old"),
    (re.compile(rb"PAR1"), "a Parquet file"),
    (re.compile(rb"\s*(\[|\{\s*\")"), "JSON"),
)
_LOOKED_AT = 50_000  # Characters, to tell the delimiter.


class Table(typing.NamedTuple):
    """The cells of a file, without blank lines."""

    rows: list  # of lists of str; spaces before a cell are no part of it.
    notes: list  # of str, what was found out.


def read_table(path):
    """Reads a table of text.

    Args:
        path: a file in UTF-8, UTF-16 or, if it is neither, Windows-1252; cells
            lie between commas, semicolons, tabs, vertical bars or spaces, and
            stand in quotes where they hold one.

    Returns:
        Table.

    Raises:
        InputError: it is no such file.
        OSError: it cannot be read.
    """
    text, note = _decoded(files.read_file(files.expand(path)), path)
    if said := _SAID.match(text):
        delimiter, text = said[1], text[said.end() :]
    else:
        fits = {d: _fit(text[:_LOOKED_AT], d) for d in _DELIMITERS}
        delimiter = max(_DELIMITERS, key=fits.get)  # The first of equals.
    try:
        rows = [row for row in _reader(text, delimiter) if any(row)]
    except csv.Error as error:
        raise InputError(f"{path} is no table of text: {error}") from None
    # What follows such a quote is in the last cell, all of it.
    if rows and "\n" in rows[-1][-1] and not text.rstrip().endswith('"'):
        first = rows[-1][-1].partition("\n")[0]
        raise InputError(f"{path}: a quote is not closed, before {first!r}.")
    notes = [note] if note else []
    if delimiter != "," and rows and len(rows[0]) > 1:
        notes.append(f"{_DELIMITERS[delimiter]} lie between its cells")
    return Table(rows, notes)


def two_columns(path, first, second):
    """The cells of two columns of a table that has a header.

    Args:
        path: as for read_table.
        first, second: str, what the columns are called.

    Returns:
        list of (str, str), as they stand there; a cell that a row lacks at
        its end is "".

    Raises:
        InputError: it is no such file, is empty, or has no such columns.
        OSError: it cannot be read.
    """
    rows = read_table(path).rows
    if not rows:
        raise InputError(f"{path} is empty.")
    head = [name.strip() for name in rows[0]]
    if not {first, second} <= set(head):
        raise InputError(
            f"{path} has the columns {', '.join(map(repr, head[:8]))}, and "
            f"should have {first} and {second}."
        )
    places = head.index(first), head.index(second)
    padded = ([*row, *[""] * len(head)] for row in rows[1:])
    return [tuple(row[i] for i in places) for row in padded]


def _decoded(data, path):
    """(text, what is to be said of its encoding, or "")."""
    kind = next((k for sign, k in _OTHERS if sign.match(data)), "")
    if kind:
        raise InputError(f"{path} is {kind}, no table of text: save it as CSV.")
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        odd = encoding == "cp1252"
        return text, "it is no UTF-8: read as Windows-1252" if odd else ""
    raise InputError(
        f"{path} is no table of text in UTF-8, UTF-16, UTF-32 or Windows-1252."
    )


def _encodings(data):
    """Those that the first bytes leave, a list."""
    # Before UTF-16, whose mark begins one of UTF-32's.
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ["utf-32"]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    zeros = data[:100:2].count(0), data[1:100:2].count(0)
    if any(zeros):  # Text has none: UTF-16 without its mark.
        return ["utf-16-le" if zeros[1] >= zeros[0] else "utf-16-be"]
    return ["utf-8-sig", "cp1252"]


def _fit(text, delimiter):
    """The share of rows with as many cells as the first, if it has several."""
    try:
        widths = [len(row) for row in _reader(text, delimiter) if any(row)]
    except csv.Error:
        return 0
    if not widths or widths[0] < 2:
        return 0
    return widths.count(widths[0]) / len(widths)


def _reader(text, delimiter):
    # Not text.splitlines(): a name in quotes may hold the end of one.
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace=True,
    )
