"""How far two assignments of the same rows agree.

Letters: n = rows, a b = clusters of the one and of the other assignment.
"""

import numpy as np

from simclr.messages.errors import InputError


def contingency(one, other):
    """How many rows each pair of clusters shares; pairs without any left out.

    Args:
        one, other: int [n], labels of any values.

    Returns:
        pairs: int [p, 2], labels of `one` and of `other`, in rising order.
        counts: int64 [p], rows that have both.

    Raises:
        InputError: lengths that differ, or no row.
    """
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.ndim != 1 or len(one) == 0:
        raise InputError(
            f"Labels of {list(one.shape)} and of {list(other.shape)} rows "
            "cannot be compared."
        )
    ones, a = np.unique(one, return_inverse=True)
    others, b = np.unique(other, return_inverse=True)
    keys, counts = np.unique(a * len(others) + b, return_counts=True)
    pairs = np.stack([ones[keys // len(others)], others[keys % len(others)]], 1)
    return pairs, counts


def adjusted_rand(one, other):
    """The adjusted Rand index (Hubert and Arabie 1985, equation 5).

    With P(x) = sum over x of x (x - 1) / 2, the pairs of rows in the same
    cluster, n_ab the rows in a cluster of each, n_a and n_b those in one:

        (P(n_ab) - E) / ((P(n_a) + P(n_b)) / 2 - E),  E = P(n_a) P(n_b) / P(n)

    Args:
        one, other: int [n], labels of any values.

    Returns:
        float at most 1, which equal partitions have; 0 is chance.

    Raises:
        InputError: as `contingency`.
    """
    pairs, counts = contingency(one, other)
    together = _pairs(counts)
    in_one, in_other = (_pairs(_sums(p, counts)) for p in pairs.T)
    every = len(one) * (len(one) - 1) // 2
    # Both terms times 2 P(n), whole numbers: of ten million rows P(n) is 5e13,
    # and its square has no room in 64 bits, but it has in Python's int.
    above = 2 * (together * every - in_one * in_other)
    below = (in_one + in_other) * every - 2 * in_one * in_other
    return above / below if below else 1.0  # All apart, or all together, twice.


def _pairs(counts):
    """P(counts), an int of Python."""
    return int(np.sum(counts * (counts - 1) // 2))


def _sums(labels, counts):
    """Sums of counts of equal labels, int64."""
    _, place = np.unique(labels, return_inverse=True)
    sums = np.zeros(place.max() + 1, np.int64)
    np.add.at(sums, place, counts)
    return sums
