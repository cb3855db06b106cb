"""Scores of pairs: similarity less what is usual where the two images lie.

Some images are similar to many, others to none: no one similarity means
"duplicate" everywhere. SSCD (Pizzi et al. 2022, arxiv.org/abs/2202.10261,
Section 5) subtracts from a query's similarities its mean similarity to its
first neighbours in a background set. A pair has no query, so here each of the
two images brings half:

    level_i = mean of image i's similarities to its neighbours in the background
    score_ij = x_i . x_j - (level_i + level_j) / 2

The background are the images themselves, so that an image's first neighbours
may be its duplicates. These say nothing of what is usual: what is the same
picture almost surely is left out, and so are the next ten. Large sets look for
neighbours in cells (cells.py).

Letters: n m = rows of two sets, b = rows of the background, d = dimensions.
"""

import dataclasses
import functools

import faiss
import numpy as np

from simclr.executors import HERE
from simclr.explore.duplicates.cells import (
    Cells,
    cells_of,
    centres_of,
    grouped,
)
from simclr.messages.errors import InputError

# Where clusters have about twenty rows in the background, levels differ from
# row to row. A background as dense as the images has the fewest such rows.
BACKGROUND = 1_000_000
EXACT = 20_000  # Up to so many rows every pair is looked at: seconds.
# From this similarity on a neighbour does not count: it is the image itself, or
# a copy that was encoded again. Copies of many images are left out by it, too.
SAME = 0.9
# The neighbours that count: the 11th to the 20th. Ten copies do not move them.
_FIRST, _LAST = 10, 20
_LOOKED_AT = 32  # Neighbours of a first search; enough except for many copies.
_NONE = -2.0  # No similarity.
_BLOCK = 16384  # Rows; 8 MiB of float32 at d = 128.
_FEW = 512  # Rows; with 20,000 of background 40 MiB.


@dataclasses.dataclass(frozen=True)
class Scored:
    """Rows with their levels: all that scores need.

    Attributes:
        rows: float16 [n, d], of unit length.
        levels: float32 [n].
        cells: cells.Cells of the background's centres; None: it is small.
    """

    rows: np.ndarray
    levels: np.ndarray
    cells: Cells | None = None

    def __len__(self):
        return len(self.rows)

    def queries(self, index):
        """Rows whose products with `candidates` are scores.

        Args:
            index: int [k], or a slice.

        Returns:
            float32 [k, d + 2].
        """
        rows, half, one = self._parts(index)
        return np.concatenate([rows, one, -half], axis=1)

    def candidates(self, index):
        """As `queries`, for the other side of the product."""
        rows, half, one = self._parts(index)
        return np.concatenate([rows, -half, one], axis=1)

    def _parts(self, index):
        rows = self.rows[index].astype(np.float32)
        half = self.levels[index, None].astype(np.float32) / 2
        return rows, half, np.ones_like(half)

    def pair_scores(self, other, i, j):
        """The scores of pairs, the same in any order and on any threads.

        Args:
            other: Scored.
            i: int [p], rows of this set.
            j: int [p], rows of the other one.

        Returns:
            float32 [p].
        """
        scores = np.empty([len(i)], np.float32)
        for start in range(0, len(i), _BLOCK):
            own = slice(start, start + _BLOCK)
            left = self.rows[i[own]].astype(np.float32)
            right = other.rows[j[own]].astype(np.float32)
            both = self.levels[i[own]] + other.levels[j[own]]
            scores[own] = (left * right).sum(axis=1) - both / 2
        return scores


@dataclasses.dataclass(frozen=True)
class Background:
    """The rows whose neighbours say what is usual.

    Attributes:
        rows: float16 [b, d], of unit length.
        cells: cells.Cells of these; None: few, every one is looked at.
    """

    rows: np.ndarray
    cells: Cells | None


def background_of(rows, count=BACKGROUND, seed=0, executor=HERE):
    """The background set of a set: all of it, or a sample.

    Args:
        rows: float16 [n, d], of unit length.
        count: rows of the background at most.
        seed: int, of the sample and of the cells.
        executor: computes the cells of blocks of rows.

    Returns:
        Background.
    """
    if len(rows) > count:
        rng = np.random.default_rng(seed)
        rows = rows[np.sort(rng.choice(len(rows), count, replace=False))]
    if len(rows) <= EXACT:
        return Background(rows, None)
    centres = centres_of(rows, seed)
    return Background(rows, cells_of(rows, centres, executor))


def scored(rows, background, same=SAME, executor=HERE):
    """Rows and their levels.

    Sets that are compared need the same background.

    Args:
        rows: float16 [n, d], of unit length.
        background: Background.
        same: similarity from which on a neighbour is the same picture.
        executor: computes the levels of groups of cells.

    Returns:
        Scored.

    Raises:
        InputError: no background, or one of another d.
    """
    if not len(background.rows) or background.rows.shape[1] != rows.shape[1]:
        raise InputError(
            f"A background of {list(background.rows.shape)} does not go with "
            f"rows of {list(rows.shape)}."
        )
    cells = background.cells
    if cells is not None and rows is not background.rows:
        cells = cells_of(rows, cells.centres, executor)
    levels = np.empty([len(rows)], np.float32)
    function = functools.partial(_levels_in, rows, background.rows, same)
    near = grouped(_near_each_other(len(rows), cells, background))
    for own, found in executor.map(function, near):
        levels[own] = found
    return Scored(rows, levels, cells)


def _levels_in(rows, background, same, cells):
    """The function of a group of cells.

    Args:
        rows: float16 [n, d].
        background: float16 [b, d].
        same: as of `scored`.
        cells: list of (int [k], rows; int [*], the background around them).

    Returns:
        int [k'], the rows of all the cells; float32 [k'], their levels.
    """
    levels = [np.zeros([0], np.float32)]
    for own, others in cells:
        others = background[others].astype(np.float32)
        for start in range(0, len(own), _BLOCK):
            block = rows[own[start : start + _BLOCK]].astype(np.float32)
            levels.append(_levels(block, others, same))
    return np.concatenate([own for own, _ in cells]), np.concatenate(levels)


def _near_each_other(count, cells, background):
    """Yields rows, and the rows of the background to look for neighbours in."""
    if cells is None:
        yield np.arange(count), np.arange(len(background.rows))
        return
    home, guests = background.cells.home, background.cells.guests
    for own, *others in zip(cells.home, home, guests):
        others = np.concatenate(others)
        yield own, others[:: 1 + len(others) // _BLOCK]


def _levels(rows, background, same):
    """The levels of a block of float32 rows."""
    count = min(_LOOKED_AT, len(background))
    if count == 0 or len(rows) == 0:  # An empty cell: nothing is near.
        return np.zeros([len(rows)], np.float32)
    nearest, _ = faiss.knn(
        rows, background, count, metric=faiss.METRIC_INNER_PRODUCT
    )
    levels, known = levels_of(nearest, same)
    few = np.flatnonzero(~known)  # Those with many copies look at all.
    for start in range(0, len(few), _FEW):
        some = few[start : start + _FEW]
        similarity = rows[some] @ background.T
        similarity[similarity >= same] = _NONE
        nearest = np.sort(similarity, axis=1)[:, : -_LAST - 1 : -1]
        levels[some], _ = levels_of(nearest, same)
    return levels


def levels_of(nearest, same=SAME):
    """Levels out of similarities to neighbours: the mean of those that count.

    Args:
        nearest: float32 [k, *], of each row with its neighbours, falling; 32
            are enough except for a row with many copies.
        same: as of `scored`.

    Returns:
        levels: float32 [k]; where there are fewer than 20 others, the mean of
            the 11th to the last, or the last; 0 where there is none.
        known: bool [k], whether there are 20.
    """
    others = (nearest < same) & (nearest > _NONE)
    number = np.cumsum(others, axis=1)  # Of each among the others, from 1 on.
    count = number[:, -1:]
    counted = others & (number <= _LAST)
    counted &= number > np.minimum(_FIRST, count - 1)
    total = np.where(counted, nearest, 0).sum(axis=1)
    known = count[:, 0] >= _LAST
    return total / np.maximum(counted.sum(axis=1), 1), known
