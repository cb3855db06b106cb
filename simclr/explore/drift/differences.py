"""How much two samples differ.

Letters: s = rows of a sample, d = dimensions, k = clusters, p = parts.
"""

import numpy as np
from scipy import special, stats

_CONFIDENCE = 0.95


def interval(hits, count):
    """The exact interval of a share at 95 % (Clopper and Pearson 1934).

    Args:
        hits: int.
        count: int, at least 1.

    Returns:
        (float, float).
    """
    found = stats.binomtest(hits, count).proportion_ci(_CONFIDENCE, "exact")
    return float(found.low), float(found.high)


def divergence(counts, other):
    """The Jensen-Shannon divergence of two distributions (Lin 1991).

    The population stability index says the same of small changes, and is
    infinite where a cluster has no row: this one is not.

    Args:
        counts: [..., k], not all 0.
        other: [..., k], likewise.

    Returns:
        float [...], bits: 0 for equal shares, 1 where no cluster has both.
    """
    one = counts / np.sum(counts, axis=-1, keepdims=True)
    two = other / np.sum(other, axis=-1, keepdims=True)
    middle = (one + two) / 2
    both = special.rel_entr(one, middle) + special.rel_entr(two, middle)
    return both.sum(axis=-1) / (2 * np.log(2))


def discrepancy(one, other, scale):
    """The squared maximum mean discrepancy (Gretton et al. 2012, equation 3).

        mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j)
        - 2 mean over i, j of k(x_i, y_j),  k(x, y) = exp(-|x - y|^2 / scale)

    Not Frechet's distance: with d^2 / 2 numbers of a covariance its bias is
    larger than what a few hundred rows show, and one far row moves it, while
    this kernel is bounded.

    Args:
        one: float [s, d], s at least 2.
        other: float [s', d], s' at least 2.
        scale: > 0.

    Returns:
        float, unbiased: where both are of one distribution 0 on average, and
        so often below it.
    """
    rows = np.concatenate([one, other])
    part = np.arange(len(rows)) < len(one)
    return float(discrepancies(kernel(rows, scale), part[:, None])[0])


def discrepancies(table, part):
    """As `discrepancy`, of many parts of some rows, each and the rest.

    Args:
        table: float32 [s, s], of `kernel`.
        part: bool [s, p], two rows at least in each part and in its rest.

    Returns:
        float64 [p].
    """
    part = part.astype(np.float32)
    own = np.einsum("sp,sp->p", part, table @ part, dtype=np.float64)
    sums = table.sum(axis=1, dtype=np.float64)
    cross = sums @ part - own
    rest = sums.sum() - own - 2 * cross
    a = part.sum(axis=0, dtype=np.float64)
    b = len(part) - a
    return own / (a * (a - 1)) + rest / (b * (b - 1)) - 2 * cross / (a * b)


def kernel(rows, scale):
    """exp(-|x - y|^2 / scale) of all pairs, float32 [s, s]; 0 for i = j."""
    found = np.exp(squares(rows) / -scale)
    np.fill_diagonal(found, 0)
    return found


def squares(rows):
    """|x - y|^2 of all pairs, float32 [s, s]."""
    rows = np.asarray(rows, np.float32)
    square = np.einsum("sd,sd->s", rows, rows)
    return np.maximum(square + square[:, None] - 2 * rows @ rows.T, 0)
