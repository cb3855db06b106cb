"""Cells of rows that lie near each other, so that few pairs need a product.

A cell is what lies nearest to a centre of k-means. A row is at home in one cell
and a guest in the next nearest ones. A pair is looked at where one of the two
is at home and the other is at home or a guest.

Letters: n = rows, d = dimensions, k = cells, m = cells of a row.
"""

import dataclasses
import functools
import itertools
import math

import faiss
import numpy as np

from simclr.executors import HERE

# Cells of a row: more find more of the pairs and take longer.
NEAREST = 6
_TRAINED_ON = 32  # Rows a cell.
_STEPS = 10
_BLOCK = 16384  # Rows.
_GROUP = 32  # Cells that are one task: some tens of milliseconds of products.


@dataclasses.dataclass(frozen=True)
class Cells:
    """Which rows are in which cell.

    Attributes:
        centres: float32 [k, d].
        home: list of k int64 arrays, rows in ascending order.
        guests: list of k int64 arrays, likewise.
    """

    centres: np.ndarray
    home: list
    guests: list


def centres_of(rows, seed=0):
    """Centres of cells: spherical k-means on a sample.

    With sqrt(m n) cells, finding the nearest ones and the products inside take
    about as long as each other.

    Args:
        rows: float16 [n, d], of unit length.
        seed: int.

    Returns:
        float32 [k, d], of unit length.
    """
    count = max(1, min(round(math.sqrt(NEAREST * len(rows))), len(rows) // 8))
    rng = np.random.default_rng(seed)
    size = min(len(rows), _TRAINED_ON * count)
    sample = rows[np.sort(rng.choice(len(rows), size, replace=False))]
    kmeans = faiss.Kmeans(
        rows.shape[1],
        count,
        niter=_STEPS,
        spherical=True,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINED_ON,
    )
    kmeans.train(sample.astype(np.float32))
    return kmeans.centroids


def cells_of(rows, centres, executor=HERE):
    """The cells of all rows.

    Args:
        rows: float16 [n, d], of unit length.
        centres: float32 [k, d].
        executor: computes blocks of rows.

    Returns:
        Cells.
    """
    nearest = np.empty([len(rows), min(NEAREST, len(centres))], np.int32)
    starts = range(0, len(rows), _BLOCK)
    blocks = (rows[start : start + _BLOCK] for start in starts)
    found = executor.map(functools.partial(nearest_cells, centres), blocks)
    for start, cells in zip(starts, found):
        nearest[start : start + _BLOCK] = cells
    return Cells(
        centres,
        members(nearest[:, :1], len(centres)),
        members(nearest[:, 1:], len(centres)),
    )


def nearest_cells(centres, rows):
    """The nearest cells of some rows.

    Args:
        centres: float32 [k, d].
        rows: float16 [b, d], of unit length.

    Returns:
        int64 [b, m], the nearest first.
    """
    _, cells = faiss.knn(
        rows.astype(np.float32),
        centres,
        min(NEAREST, len(centres)),
        metric=faiss.METRIC_INNER_PRODUCT,
    )
    return cells


def grouped(cells):
    """Yields lists of what there is of some cells: a task each."""
    cells = iter(cells)
    while group := list(itertools.islice(cells, _GROUP)):
        yield group


def members(cells, count):
    """Rows by cell, from cells by row.

    Args:
        cells: int [n, m], of each row.
        count: k.

    Returns:
        list of k int64 arrays, rows in ascending order.
    """
    cell = cells.ravel()
    order = np.argsort(cell, kind="stable")
    ends = np.cumsum(np.bincount(cell, minlength=count))
    return np.split(order // max(1, cells.shape[1]), ends[:-1])
