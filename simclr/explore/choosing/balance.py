"""A balance over clusters: which images to train on.

Letters: m = rows, k = clusters.
"""

import numpy as np

from simclr.messages.errors import InputError


def at_most(cluster, most, *, seed):
    """All rows of small clusters, and so many of the others.

    Args:
        cluster: int [m]; rows of none (-1) count as one cluster more.
        most: rows of each cluster.
        seed: int, draws them; without replacement, each as likely as another.
            With the same seed a larger `most` keeps what a smaller one kept.

    Returns:
        int64 [<= k most], rows, rising.

    Raises:
        InputError: most < 1.
    """
    if most < 1:
        raise InputError(f"At most {most} of a cluster are none.")
    cluster = np.asarray(cluster)
    order = np.random.default_rng(seed).permutation(len(cluster))
    order = order[np.argsort(cluster[order], kind="stable")]
    _, size = np.unique(cluster, return_counts=True)
    first = np.cumsum(size) - size
    place = np.arange(len(cluster)) - np.repeat(first, size)
    return np.sort(order[place < most])
