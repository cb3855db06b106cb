"""Rows of names as text, CSV or TSV: what is written is read back the same.

A file's name may hold a comma, a quote, a tab, the end of a line, or spaces at
its ends. A cell with one of those stands in quotes, so that a name stays one
row for every reader of CSV; all other cells stand as they are.

So do those that begin with "=", "+", "-" or "@", which a spreadsheet may take
for formulas: an id is read back by name, by us and by other programs, and a
sign put before it would be another image's. Who opens such a table in a
spreadsheet imports its columns as text.
"""

import csv
import re

from simclr.storage.regular import regular


def line(cells, delimiter=","):
    """A row, with the end of its line.

    Python's csv.writer with the line's end "\\n" leaves a "\\r" bare, which no
    reader takes, and spaces at the ends, which many readers drop.

    Args:
        cells: what stands in it; str() of each.
        delimiter: "," or, for TSV, a tab.
    """
    special = re.compile(rf'["\r\n{delimiter}]|^\s|\s\Z')
    texts = (str(cell) for cell in cells)
    return (
        delimiter.join(
            '"' + text.replace('"', '""') + '"'
            if special.search(text)
            else text
            for text in texts
        )
        + "\n"
    )


def read(path, delimiter=","):
    """The rows of a local UTF-8 file, a list of lists of str.

    Raises:
        OSError: it cannot be read.
        csv.Error, UnicodeDecodeError: it is no such file.
    """
    with open(path, newline="", encoding="utf-8", opener=regular) as file:
        return list(csv.reader(file, delimiter=delimiter))
