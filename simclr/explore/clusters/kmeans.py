"""k-means, and the nearest centroid of every row.

Letters: n = rows, d = dimensions, k = clusters.
"""

import functools

import faiss
import numpy as np
from scipy import sparse

from simclr.executors import HERE
from simclr.messages.errors import InputError

ROWS_PER_CLUSTER = 256  # More of a sample do not move a centroid (faiss's own).
_LEAST_ROWS = 16_384  # Of few clusters more rows cost little.
# So few clusters are cheap to fit, and a bad start costs a class: ten starts,
# each by k-means++ (Arthur and Vassilvitskii 2007). Many more clusters start by
# its approximation AFK-MC2 (Bachem et al. 2016), whose time is not n k d.
_FEW, _STARTS = 64, 10
_PLUS_PLUS = 256
_BLOCK = 65_536
_OLD = 10  # Rows that weigh as much as a centroid's old place.


def enough(k):
    """Rows of a sample that k clusters are fitted to, an int."""
    return max(_LEAST_ROWS, ROWS_PER_CLUSTER * k)


def fit(sample, k, *, seed, iterations=20, pruned=False):
    """Centroids of k clusters, none of them empty.

    Lloyd's algorithm with each iteration's distances as one matrix product.
    SuperKMeans, which skips most of them, gives the same clusters and pays
    where a product is slow and d is large. With AVX-512, 128 dimensions and
    faiss 1.15.1 it took 2 to 7 times as long, so it is not the rule.

    Args:
        sample: float [n, d]; `enough(k)` rows.
        k: clusters.
        seed: int.
        iterations: of each start.
        pruned: fit by SuperKMeans.

    Returns:
        float32 [k, d].

    Raises:
        InputError: k outside [1, n], fewer than k different rows, rows that
            are not finite, iterations < 1, or SuperKMeans with d < 32.
    """
    sample = np.ascontiguousarray(sample, np.float32)
    _check(sample, k, iterations, pruned)
    if k == 1:
        mean = sample.mean(axis=0, dtype=np.float64, keepdims=True)
        return mean.astype(np.float32)
    setting = {
        "niter": iterations,
        "seed": seed,
        "min_points_per_centroid": 1,  # No warning on standard error.
        "max_points_per_centroid": len(sample),
    }
    if pruned:
        # Half of the dimensions first: an eighth, its default, prunes little.
        means = faiss.SuperKmeans(
            sample.shape[1], k, d_prime_fraction=0.5, **setting
        )
        means.train(sample)
    else:
        means = faiss.Kmeans(
            sample.shape[1],
            k,
            nredo=_STARTS if k <= _FEW else 1,
            init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
            if k <= _PLUS_PLUS
            else faiss.ClusteringInitMethod_AFK_MC2,
            **setting,
        )
        means.train(sample)
    return _filled(sample, means.centroids)


def go_on(sample, centroids, known):
    """Centroids after a turn of Lloyd's algorithm that goes on from others.

    (rows' sum + 10 old) / (rows + 10), of the rows that are nearest to it and
    that it had before. Other clusters' rows would move a young one away from
    the few of its own. The old place counts as ten rows: a sample of very many
    images has few of a young cluster, or none.

    Args:
        sample: float [n, d].
        centroids: float32 [k, d].
        known: int [n], the clusters of the rows so far; -1: none yet, and the
            nearest may have the row.

    Returns:
        float32 [k, d].

    Raises:
        InputError: as `nearest`.
    """
    k, n = len(centroids), len(sample)
    cluster, _ = nearest(sample, centroids)
    own = np.flatnonzero((known == cluster) | (known < 0))
    rows = np.bincount(cluster[own], minlength=k)[:, None]
    ones = np.ones(len(own), np.float32)
    member = sparse.csr_array((ones, (cluster[own], own)), shape=(k, n))
    moved = (member @ sample + _OLD * centroids) / (rows + _OLD)
    return moved.astype(np.float32)


def nearest(rows, centroids, executor=HERE):
    """The nearest centroid of every row, among all, in blocks of rows.

    Args:
        rows: float [n, d]; float16, or mapped from a file, are fine.
        centroids: float32 [k, d].
        executor: computes blocks.

    Returns:
        cluster: int32 [n], rows of `centroids`.
        distance: float32 [n], Euclidean.

    Raises:
        InputError: no centroid, widths that differ, or rows not finite.
    """
    if len(centroids) == 0 or rows.shape[1] != centroids.shape[1]:
        raise InputError(
            f"Rows {list(rows.shape)} have no nearest one of centroids "
            f"{list(centroids.shape)}."
        )
    centroids = np.ascontiguousarray(centroids, np.float32)
    cluster = np.empty(len(rows), np.int32)
    distance = np.empty(len(rows), np.float32)
    starts = range(0, len(rows), _BLOCK)
    blocks = (rows[start : start + _BLOCK] for start in starts)
    found = executor.map(functools.partial(_nearest, centroids), blocks)
    for start, (own, far) in zip(starts, found):
        cluster[start : start + _BLOCK] = own
        distance[start : start + _BLOCK] = far
    return cluster, distance


def _nearest(centroids, rows):
    """`nearest` of a block."""
    block = np.ascontiguousarray(rows, np.float32)
    _, found = faiss.knn(block, centroids, 1)
    cluster = found[:, 0].astype(np.int32)
    if cluster.min() < 0:
        raise InputError(f"{np.sum(cluster < 0)} row(s) are not finite.")
    # faiss's |x|^2 + |c|^2 - 2 x c loses the digits of a small distance.
    return cluster, np.linalg.norm(block - centroids[cluster], axis=1)


def _check(sample, k, iterations, pruned):
    n, d = sample.shape
    if not 1 <= k <= n:
        raise InputError(f"k is {k}; of {n} rows it must be in [1, {n}].")
    if iterations < 1:
        raise InputError(f"iterations is {iterations}; it must be at least 1.")
    if not np.all(np.isfinite(sample.sum(axis=1))):
        raise InputError("The rows to cluster are not all finite.")
    if pruned and d < 32:
        raise InputError(f"SuperKMeans takes 32 dimensions or more, not {d}.")


def _filled(sample, centroids):
    """Moves the centroid of an empty cluster to the row that fits worst.

    The sum of distances falls with each turn, so the turns end.
    """
    while True:
        cluster, distance = nearest(sample, centroids)
        count = np.bincount(cluster, minlength=len(centroids))
        empty = np.flatnonzero(count == 0)
        if len(empty) == 0:
            return centroids
        worst = np.argsort(-distance, kind="stable")[: len(empty)]
        # Equal rows lie at their mean except for rounding.
        size = 1e-5 * np.linalg.norm(sample[worst[-1]])
        if distance[worst[-1]] <= size:
            raise InputError(
                f"There are fewer than {len(centroids)} different rows to "
                "cluster: choose fewer clusters."
            )
        centroids[empty] = sample[worst]
