"""Some rows out of very many, and those that have no label yet.

Letters: m = rows in all, n = rows of a block, f = features, s = rows to take,
L = labelled rows, b = budget.
"""

import numpy as np

from simclr.messages.counts import counted
from simclr.messages.errors import InputError


def taken(blocks, rows):
    """Rows by their numbers, in one walk over all.

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order.
        rows: int [s], rising, none twice.

    Returns:
        [s, f], in the dtype of the blocks.

    Raises:
        InputError: a row that is not there.
    """
    rows, found, start = np.asarray(rows, np.int64), [], 0
    for block in blocks():
        first, last = np.searchsorted(rows, [start, start + len(block)])
        found.append(block[rows[first:last] - start])
        start += len(block)
    if not found or (len(rows) and rows[-1] >= start):
        raise InputError(f"Row {max(rows, default=0)} is not among {start}.")
    return np.concatenate(found)


def unlabelled(count, labelled, budget):
    """Which rows have no label, and whether the budget can be had of them.

    Args:
        count: m.
        labelled: int [L], rows that have a label.
        budget: b, rows to choose.

    Returns:
        bool [m].

    Raises:
        InputError: a labelled row outside [0, m), or b outside [1, m - L].
    """
    labelled = np.asarray(labelled, np.int64)
    outside = (labelled < 0) | (labelled >= count)
    if np.any(outside):
        raise InputError(
            f"Labelled row {labelled[outside][0]} is not one of {count}."
        )
    free = np.ones(count, bool)
    free[labelled] = False
    if not 1 <= budget <= free.sum():
        raise InputError(
            f"{counted(budget, 'image')} cannot be chosen: {free.sum()} have "
            f"no label, so --n is 1 to {free.sum()}."
        )
    return free
