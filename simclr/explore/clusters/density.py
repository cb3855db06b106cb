"""Clusters as dense places, their number not asked for: HDBSCAN.

Letters: n = rows, d = dimensions, k = clusters.
"""

import numpy as np
from sklearn.cluster import HDBSCAN

from simclr.messages.errors import InputError

MOST_ROWS = 20_000  # Its time grows with n^2: minutes for these.
LEAST_ROWS = 50
_NEIGHBOURS = 10


def fit(sample, *, least_rows=LEAST_ROWS):
    """Dense places of a sample (Campello et al. 2013), and their means.

    In many dimensions most rows are noise to it; 8 to 32 are its home.

    Args:
        sample: float [n, d], 20,000 rows at most.
        least_rows: of a cluster, 2 or more.

    Returns:
        label: int32 [n] in [0, k); -1: noise.
        centroids: float32 [k, d], means of the clusters' rows.

    Raises:
        InputError: least_rows < 2, more than 20,000 rows or fewer than
            least_rows, rows that are not finite, or no cluster found.
    """
    if least_rows < 2:
        raise InputError(f"least_rows is {least_rows}; it must be at least 2.")
    if not least_rows <= len(sample) <= MOST_ROWS:
        raise InputError(
            f"{len(sample)} rows: HDBSCAN takes {least_rows} to {MOST_ROWS}."
        )
    sample = np.asarray(sample, np.float32)
    if not np.all(np.isfinite(sample.sum(axis=1))):
        raise InputError("The rows to cluster are not all finite.")
    found = HDBSCAN(
        min_cluster_size=least_rows,
        min_samples=min(_NEIGHBOURS, len(sample)),
        copy=True,
    ).fit(sample)
    label = found.labels_.astype(np.int32)
    if label.max() < 0:
        raise InputError(
            f"HDBSCAN finds no cluster of {least_rows} rows or more: ask for "
            "smaller ones, keep fewer dimensions, or use k-means."
        )
    means = [sample[label == i].mean(axis=0) for i in range(label.max() + 1)]
    return label, np.stack(means)
