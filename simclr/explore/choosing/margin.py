"""The images that a probe of the labels so far is least sure of.

Cluster-Margin, Citovsky et al. 2021, arxiv.org/abs/2107.14263, Algorithm 2.

Letters: m = rows in all, n = rows of a block, f = features, c = classes, b =
budget, s = candidates.
"""

import numpy as np

from simclr.explore.choosing import probe
from simclr.explore.choosing.rows import taken, unlabelled

_CANDIDATES = 10  # Times the budget, as the paper has it.


def choose(blocks, labels, cluster, budget):
    """Rows to label: small margins, from as many clusters as may be.

    Alone, the smallest margins lie on one border, beside each other.

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order; walked twice.
        labels: int [m] in [0, c); -1: none.
        cluster: int [m].
        budget: b, rows to choose.

    Returns:
        int64 [b], in the order of choice.

    Raises:
        InputError: labels of fewer than two classes, or b outside [1, rows
            without a label].
    """
    labels = np.asarray(labels)
    labelled = np.flatnonzero(labels >= 0)
    free = unlabelled(len(labels), labelled, budget)
    classes = labels.max(initial=0) + 1
    rows = taken(blocks, labelled)
    fitted = probe.fit(rows, labels[labelled], classes)
    parts = [margins(fitted.probabilities(block)) for block in blocks()]
    margin = np.concatenate(parts)
    return spread(margin, np.asarray(cluster), free, budget)


def margins(probabilities):
    """The difference of the two highest probabilities: 0 is a tie.

    Args:
        probabilities: float [n, c], c at least 2.

    Returns:
        float [n].
    """
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]


def spread(margin, cluster, free, budget):
    """The smallest margins, taken from one cluster after the other.

    Of the rows that may be chosen the 10 b with the smallest margins are
    candidates. Their clusters are asked in turns, the one with the fewest
    candidates first, and each gives its smallest margin.

    Args:
        margin: float [m].
        cluster: int [m].
        free: bool [m], rows that may be chosen, b at least.
        budget: b.

    Returns:
        int64 [b], in the order of choice.
    """
    rows = np.flatnonzero(free)
    order = np.lexsort([rows, margin[rows]])
    rows = rows[order[: _CANDIDATES * budget]]  # [s], the margins rising.
    _, own, size = np.unique(
        cluster[rows], return_inverse=True, return_counts=True
    )
    by_cluster = np.argsort(own, kind="stable")
    turn = np.empty(len(rows), np.int64)
    first = np.cumsum(size) - size
    turn[by_cluster] = np.arange(len(rows)) - np.repeat(first, size)
    return rows[np.lexsort([np.arange(len(rows)), size[own], turn])][:budget]
