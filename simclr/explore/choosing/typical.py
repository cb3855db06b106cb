"""The typical images of large clusters without a label: TypiClust.

Hacohen et al. 2022, arxiv.org/abs/2202.02794, Section 3.

Letters: m = rows in all, n = rows of a block, f = features, k = clusters, L =
labelled rows, b = budget, s = rows of a cluster.
"""

import heapq

import faiss
import numpy as np

from simclr.explore.choosing.rows import taken, unlabelled
from simclr.explore.clusters import kmeans, sample

NEIGHBOURS = 20  # K of the paper, Section 3.2.
_FEWEST = 5  # Rows; the paper leaves smaller clusters out.
# Bounds of time and memory, whatever m and L are: clusters; rows that k-means
# is fitted on, in all and a cluster; rows of a cluster that are compared with
# each other, and of all clusters together.
_MOST_CLUSTERS = 2048
_SAMPLED, _SAMPLED_OF_CLUSTER = 50_000, 64
_MOST_COMPARED, _MOST_HELD = 8192, 500_000


def choose(blocks, count, labelled, budget, *, seed):
    """Rows to label: the most typical one of each large unlabelled cluster.

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order; walked three times.
        count: m.
        labelled: int [L], rows that have a label.
        budget: b, rows to choose.
        seed: int.

    Returns:
        int64 [b], in the order of choice.

    Raises:
        InputError: b outside [1, m - L], or a labelled row outside [0, m).
    """
    cluster = clustered(blocks, count, labelled, budget, seed=seed)
    return within(blocks, cluster, labelled, budget, seed=seed)


def clustered(blocks, count, labelled, budget, *, seed):
    """The cluster of each row: k-means with L + b clusters.

    So at least b of them have no label. There are fewer where these would have
    fewer than 5 rows, and 2,048 at most.

    Args:
        blocks, count, labelled, budget, seed: as of `choose`; walked twice.

    Returns:
        int32 [m] in [0, k).

    Raises:
        InputError: as `choose`.
    """
    unlabelled(count, labelled, budget)
    most = min(_MOST_CLUSTERS, max(1, count // _FEWEST))
    k = min(len(np.unique(labelled)) + budget, most)
    size = max(_SAMPLED, _SAMPLED_OF_CLUSTER * k)
    rows, _ = sample.draw(blocks, count, size, seed=seed)
    centroids = kmeans.fit(rows, k, seed=seed)
    cluster = [kmeans.nearest(block, centroids)[0] for block in blocks()]
    return np.concatenate(cluster)


def within(blocks, cluster, labelled, budget, *, seed):
    """As `choose`, with clusters that are known.

    The next image is always of the cluster with the fewest labels, those just
    chosen counted; of equals, of the largest. Clusters of fewer than 5 rows
    come last.

    Args:
        blocks, labelled, budget: as of `choose`; walked once.
        cluster: int [m] in [0, k).
        seed: int, draws rows of clusters of more than 8,192.

    Returns:
        int64 [b], in the order of choice.

    Raises:
        InputError: as `choose`.
    """
    free = unlabelled(len(cluster), labelled, budget)
    size = np.bincount(cluster)

    def rank(one, labels):
        return bool(size[one] < _FEWEST), labels, -int(size[one])

    order = in_turn(cluster, free, budget, rank)
    return of_each(blocks, cluster, free, order, seed=seed)


def in_turn(cluster, free, budget, rank):
    """Clusters to choose from, the first by rank each time.

    Args:
        cluster: int [m] in [0, k).
        free: bool [m], rows without a label, b at least.
        budget: b.
        rank: function of a cluster and the number of its labels, those just
            chosen counted; the smallest is first, of equals the first cluster.

    Returns:
        list of b ints; a cluster is there as often as it is asked for a row.
    """
    size = np.bincount(cluster)
    left = np.bincount(cluster[free], minlength=len(size))
    heap = [
        (rank(one, int(size[one] - left[one])), one)
        for one in np.flatnonzero(left).tolist()
    ]
    heapq.heapify(heap)
    order = []
    while len(order) < budget:
        _, one = heapq.heappop(heap)
        order.append(one)
        left[one] -= 1
        if left[one]:
            heapq.heappush(heap, (rank(one, int(size[one] - left[one])), one))
    return order


def of_each(blocks, cluster, free, order, *, seed):
    """The most typical rows of clusters.

    Args:
        blocks: as of `choose`; walked once.
        cluster: int [m].
        free: bool [m], rows that may be chosen.
        order: list of b clusters, of `in_turn`.
        seed: int, draws rows of clusters of more than 8,192.

    Returns:
        int64 [b]: of each cluster the most typical row; where it is asked
        again, the next one.
    """
    rng = np.random.default_rng(seed)
    candidates = _candidates(cluster, free, np.unique(order), rng)
    rows = np.sort(np.concatenate(list(candidates.values())))
    vectors = taken(blocks, rows)
    ranked = {}
    for one, members in candidates.items():
        far = mean_distance(vectors[np.searchsorted(rows, members)])
        ranked[one] = iter(members[np.argsort(far, kind="stable")])
    return np.array([next(ranked[one]) for one in order], np.int64)


def mean_distance(rows, neighbours=NEIGHBOURS):
    """The mean distance to the nearest rows: typicality is its inverse.

    Equation 4 of the paper; of many equal rows the distance is 0.

    Args:
        rows: float [s, f], of one cluster.
        neighbours: K; all other rows where there are fewer.

    Returns:
        float32 [s], Euclidean; 0 for a row that is alone.
    """
    rows = np.ascontiguousarray(rows, np.float32)
    k = min(neighbours, len(rows) - 1)
    if k == 0:
        return np.zeros(1, np.float32)
    square, _ = faiss.knn(rows, rows, k + 1)  # A row is its own nearest one.
    return np.sqrt(np.maximum(square, 0)).sum(axis=1) / k


def _candidates(cluster, free, chosen, rng):
    """dict of chosen cluster -> rows that may be chosen, int64, rising."""
    rows = np.flatnonzero(free & np.isin(cluster, chosen))
    rows = rows[np.argsort(cluster[rows], kind="stable")]
    ends = np.searchsorted(cluster[rows], chosen[1:])
    most = min(_MOST_COMPARED, max(_FEWEST, _MOST_HELD // len(chosen)))
    found = {}
    for one, members in zip(chosen.tolist(), np.split(rows, ends)):
        if len(members) > most:
            members = np.sort(rng.choice(members, most, replace=False))
        found[one] = members
    return found
