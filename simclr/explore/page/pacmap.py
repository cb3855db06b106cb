"""Rows laid out on a plane: PaCMAP (Wang et al. 2021, arXiv 2012.04456).

Neighbours attract each other, pairs that are half-way near hold the whole in
shape at the beginning, and pairs drawn at random push each other apart. All
pairs are drawn once, so a step is the exact gradient, and Adam follows it.

Letters: n = rows, d = dimensions, p = pairs of a row.
"""

import faiss
import numpy as np
import scipy.sparse

from simclr.messages.progress import progress_bar

_NEAR, _HALFWAY, _FAR = 10, 5, 20  # Pairs of each kind, of a row.
_DRAWN = 6  # The second nearest of so many random rows is half-way near.
_STEPS = (100, 100, 250)
_RATE, _BETA1, _BETA2 = 1.0, 0.9, 0.999  # Of Adam.
_MOST_EXACT = 20_000  # Of more rows those of cells beside each other meet.
_BESIDE, _ROWS_OF_CELL = (
    8,
    64,
)  # Cells that meet; rows that a cell is fitted to.


def fit(x, *, seed=0):
    """Places rows on a plane, like ones near each other.

    Args:
        x: float32 [n, d], n >= 2; its first two columns are where rows begin
            (of principal components, the two largest).
        seed: int, draws the pairs.

    Returns:
        float32 [n, 2]. The same rows and seed give the same places.
    """
    rng = np.random.default_rng(seed)
    n = len(x)
    near = neighbours(x, min(_NEAR, n - 1))
    halfway = _halfway(x, rng)
    far = rng.integers(n, size=[n, _FAR])
    pairs = np.concatenate([near, halfway, far], axis=1)  # [n, p]
    kinds = np.repeat([0, 1, 2], [near.shape[1], _HALFWAY, _FAR])
    # [n, n p]: sums what reaches a row as the second of a pair.
    every = np.arange(pairs.size)
    arrived = scipy.sparse.csr_matrix(
        (np.ones(pairs.size, np.float32), (pairs.ravel(), every)),
        shape=[n, pairs.size],
    )
    y = np.zeros([n, 2], np.float32)
    y[:, : x.shape[1]] = x[:, :2]
    y *= 1e-2 / max(y.std(), 1e-12)
    mean, square = np.zeros_like(y), np.zeros_like(y)
    total = sum(_STEPS)
    for step in progress_bar(range(total), desc="Map", total=total):
        scale, numerator = _forces(step, kinds)
        # Each column by itself: twice as fast as [n, p, 2].
        apart = [column[:, None] - column[pairs] for column in y.T]  # [n, p]
        force = scale + np.square(apart[0]) + np.square(apart[1])
        force = numerator / np.square(force)
        pulls = [force * one for one in apart]
        gradient = np.stack(
            [one.sum(1) - arrived @ one.ravel() for one in pulls], axis=1
        )
        mean = _BETA1 * mean + (1 - _BETA1) * gradient
        square = _BETA2 * square + (1 - _BETA2) * np.square(gradient)
        rate = _RATE * np.sqrt(1 - _BETA2 ** (step + 1))
        rate /= 1 - _BETA1 ** (step + 1)
        y -= rate * mean / (np.sqrt(square) + 1e-7)
    return y


def _forces(step, kinds):
    """(scale, numerator), float32 [p]: the force of a pair is numerator /
    (scale + squared distance)^2 (Table 1 of the paper, derived)."""
    first, second, _ = _STEPS
    if step < first:
        share = step / first
        weights = 2, 1000 * (1 - share) + 3 * share, 1
    elif step < first + second:
        weights = 3, 3, 1
    else:
        weights = 1, 0, 1
    # t / (10 + t), t / (10,000 + t) and 1 / (1 + t), t one more than the
    # squared distance, which is what remains when the scale has that one too.
    scale = np.array([11, 10_001, 2], np.float32)
    numerator = np.array([20, 20_000, -2]) * weights
    return scale[kinds], numerator[kinds].astype(np.float32)


def neighbours(x, k):
    """The nearest other rows.

    Args:
        x: float32 [n, d].
        k: int below n.

    Returns:
        int64 [n, k], by Euclidean distance; approximate above 20,000 rows.
    """
    x = np.ascontiguousarray(x, np.float32)
    if len(x) <= _MOST_EXACT:
        _, found = faiss.knn(x, x, k + 1)
    else:
        found = _near_in_cells(x, k + 1)
    itself = found == np.arange(len(x))[:, None]
    # Among duplicates the row itself may be missing: then the last one goes.
    first = np.where(itself.any(1), itself.argmax(1), k)
    keep = np.arange(k + 1) != first[:, None]
    return found[keep].reshape(len(x), k)


def _near_in_cells(x, k):
    """int64 [n, k]: the nearest rows in the eight nearest cells of k-means.

    All rows of a cell meet the same others, in one matrix product: of a million
    rows that takes half the time of an index that is asked row by row.
    """
    n, d = x.shape
    fitted = faiss.Kmeans(
        *(d, int(np.sqrt(n))),
        niter=10,
        seed=0,
        max_points_per_centroid=_ROWS_OF_CELL,
    )
    fitted.train(x)
    centroids = fitted.centroids
    _, cell = faiss.knn(x, centroids, 1)
    order = np.argsort(cell[:, 0], kind="stable")
    ends = np.bincount(cell[:, 0], minlength=len(centroids)).cumsum()
    members = np.split(order, ends[:-1])
    _, beside = faiss.knn(centroids, centroids, min(_BESIDE, len(centroids)))
    # Where cells have fewer rows, the row itself stands for the rest.
    found = np.repeat(np.arange(n)[:, None], k, axis=1)
    for own, others in zip(members, beside):
        if len(own) == 0:
            continue
        among = np.concatenate([members[one] for one in others])
        _, near = faiss.knn(x[own], x[among], min(k, len(among)))
        found[own, : near.shape[1]] = among[near]
    return found


def _halfway(x, rng):
    """int64 [n, halfway pairs]: the second nearest of a few random rows."""
    n = len(x)
    found = np.empty([n, _HALFWAY], np.int64)
    for column in range(_HALFWAY):
        drawn = rng.integers(n, size=[n, _DRAWN])
        distance = np.stack(
            [np.square(x - x[one]).sum(1) for one in drawn.T], axis=1
        )
        second = np.argpartition(distance, 1, axis=1)[:, 1]
        found[:, column] = drawn[np.arange(n), second]
    return found
