"""What people typed into a report is not written over.

A report's CSV file may have a column that people fill in or mend: the labels of
images to label, the names of clusters. The next report has the same name.
"""

import os

from simclr.messages.errors import InputError
from simclr.storage.text_table import read_table, two_columns


def cells(path, column):
    """The cells of one column of a CSV file with a column id.

    Args:
        path: str.
        column: str.

    Returns:
        list of (id, text) of the cells that are not empty; where there is no
        file, or an empty one, there are none.

    Raises:
        InputError: it is no such file, and so not of a report.
        OSError: it cannot be read.
    """
    if not os.path.lexists(path):
        return []
    try:
        if not read_table(path).rows:
            return []
        found = two_columns(path, "id", column)
    except InputError:
        raise InputError(
            f"{path} is no table with columns id and {column}, and would be "
            "written over: give another --out, or move it."
        ) from None
    found = [(name.strip(), text.strip()) for name, text in found]
    return [(name, text) for name, text in found if text]


def require_none(path, column, elsewhere=lambda cells: (), how=""):
    """Stops before a report is written over that people typed into.

    Args:
        path: str, of the CSV file, which need not be there.
        column: str, that people fill in.
        elsewhere: function of `cells` to those that are kept elsewhere. The
            others were typed.
        how: str, what else may be done, with a comma and a space at its end.

    Raises:
        InputError: there is such a cell; or as `cells`.
    """
    found = cells(path, column)
    known = elsewhere(found)
    for name, text in found:
        if (name, text) not in known:
            raise InputError(
                f"{path} has a {column} that was filled in, {text!r} of "
                f"{name}, and would be written over: {how}give another --out, "
                "or move it."
            )
