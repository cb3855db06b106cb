"""Whitened vectors of unit length, kept as float16.

Whitening makes near-duplicates easier to tell (SSCD, Pizzi et al. 2022,
arxiv.org/abs/2202.10261, Section 5): no few directions decide.

Letters: n = rows, f = features, d = dimensions that are kept.
"""

import numpy as np

from simclr.explore.clusters import whiten
from simclr.messages.errors import InputError


def fit_whitening(sample, dims=128):
    """The whitening in which near-duplicates are looked for.

    Unlike that of clusters it is a full one: what tells an image from those
    like it is in the last axes, too.

    Args:
        sample: float [n, f].
        dims: d at most.

    Returns:
        clusters.whiten.Whitening.
    """
    return whiten.fit(sample, dims, floor=0)


def whitened_rows(blocks, count, whitening):
    """All rows whitened, in memory: 2 d bytes a row.

    Args:
        blocks: function without arguments; gives an iterator of float arrays
            [*, f], together n rows.
        count: n.
        whitening: clusters.whiten.Whitening.

    Returns:
        float16 [n, d], of unit length up to the rounding to float16.

    Raises:
        InputError: the blocks have more or fewer rows than n, or numbers that
            are not finite.
    """
    rows = np.empty([count, whitening.axes.shape[1]], np.float16)
    start = 0
    for block in blocks():
        end = start + len(block)
        if end > count:
            raise InputError(f"More than the announced {count} rows came.")
        rows[start:end] = whitening.apply(block)
        start = end
    if start < count:
        raise InputError(f"{start} rows came where {count} were announced.")
    return rows
