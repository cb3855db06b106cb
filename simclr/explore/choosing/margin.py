"""Clusters that a probe of the labels so far is unsure of.

Letters: m = rows in all, n = rows of a block, f = features, c = classes, b =
budget, L = labelled rows.
"""

import numpy as np

from simclr.explore.choosing import probe, typical
from simclr.explore.choosing.rows import taken, unlabelled


def choose(blocks, labels, budget, *, seed):
    """Rows to label: the typical ones of doubtful clusters.

    The rows with the smallest margins themselves lie beside each other on one
    border, or are no image of anything: on frozen features of CIFAR-10 they
    taught a probe no more than rows drawn at random, spread over clusters or
    not. So margins choose among clusters, as many as typical.py makes, and
    typicality inside one. The next row is always of the cluster with the most
    doubt a label, those just chosen counted:

        sum over the cluster's rows of (1 - margin) / (1 + its labels)

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order; walked five times.
        labels: int [m] in [0, c); -1: none.
        budget: b, rows to choose.
        seed: int.

    Returns:
        int64 [b], in the order of choice.

    Raises:
        InputError: labels of fewer than two classes, or b outside [1, rows
            without a label].
    """
    labels = np.asarray(labels)
    labelled = np.flatnonzero(labels >= 0)
    free = unlabelled(len(labels), labelled, budget)
    rows = taken(blocks, labelled)
    fitted = probe.fit(rows, labels[labelled], labels.max(initial=0) + 1)
    parts = [1 - margins(fitted.probabilities(block)) for block in blocks()]
    cluster = typical.clustered(
        blocks, len(labels), labelled, budget, seed=seed
    )
    doubt = np.bincount(cluster, np.concatenate(parts))

    def rank(one, count):
        return -doubt[one] / (1 + count)

    order = typical.in_turn(cluster, free, budget, rank)
    return typical.of_each(blocks, cluster, free, order, seed=seed)


def margins(probabilities):
    """The difference of the two highest probabilities: 0 is a tie.

    Args:
        probabilities: float [n, c], c at least 2.

    Returns:
        float [n].
    """
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]
