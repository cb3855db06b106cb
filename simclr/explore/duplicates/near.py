"""New rows among very many old ones: only the nearest cells are looked at.

Old rows lie sorted by their home cells, in segments that a reader streams. A
new row is compared with those at home in its own nearest cells.

Letters: n = new rows, b = rows of a block, d = dimensions, k = cells, t =
neighbours of a row.
"""

import dataclasses
import functools

import numpy as np

from simclr.executors import HERE
from simclr.explore.duplicates.cells import members, nearest_cells
from simclr.explore.duplicates.scores import levels_of

_NEIGHBOURS = 32  # t: the 20 that levels need, and some copies.
_NONE = -2.0  # No similarity.


@dataclasses.dataclass(frozen=True)
class Near:
    """The nearest old rows of new ones, the most similar first.

    Attributes:
        similarity: float32 [n, t]; -2 where there is none.
        number: int64 [n, t], which old row; -1 where there is none.
        level: float32 [n, t], of the old row.
    """

    similarity: np.ndarray
    number: np.ndarray
    level: np.ndarray

    @property
    def levels(self):
        """The levels of the new rows, float32 [n] (scores.py)."""
        return levels_of(self.similarity)[0]


def search(rows, centres, blocks, executor=HERE):
    """Looks for old rows near new ones.

    Args:
        rows: float16 [n, d], of unit length.
        centres: float32 [k, d], of the cells.
        blocks: iterable of (cell int [b], rows float16 [b, d], level float32
            [b], number int64 [b]) of old rows; equal cells lie together.
        executor: computes blocks.

    Returns:
        Near.
    """
    visitors = members(nearest_cells(centres, rows), len(centres))
    found = Near(
        np.full([len(rows), _NEIGHBOURS], _NONE, np.float32),
        np.full([len(rows), _NEIGHBOURS], -1, np.int64),
        np.zeros([len(rows), _NEIGHBOURS], np.float32),
    )
    function = functools.partial(_in_block, rows, visitors)
    for cells in executor.map(function, blocks):
        for own, near in cells:
            _take(found, own, near)
    return found


def _in_block(rows, visitors, block):
    """The function of a block of old rows.

    Args:
        rows: as of `search`.
        visitors: list of k int arrays, the new rows that look at each cell.
        block: as of `search`.

    Returns:
        list of (int [v], new rows; the Near [v, t'] of old ones to them).
    """
    cell, old, level, number = block
    found = []
    edges = np.flatnonzero(np.diff(cell)) + 1
    for start, end in zip([0, *edges], [*edges, len(cell)]):
        own = visitors[cell[start]] if end > start else ()
        if len(own):
            part = slice(start, end)
            near = _nearest(rows[own], old[part], level[part], number[part])
            found.append((own, near))
    return found


def _nearest(rows, old, level, number):
    """Near: the nearest of some old rows, in no order."""
    similarity = rows.astype(np.float32) @ old.astype(np.float32).T
    if similarity.shape[1] > _NEIGHBOURS:
        best = np.argpartition(-similarity, _NEIGHBOURS, 1)[:, :_NEIGHBOURS]
    else:
        best = np.broadcast_to(np.arange(len(old)), similarity.shape)
    return Near(
        np.take_along_axis(similarity, best, 1), number[best], level[best]
    )


def _take(found, own, near):
    """Puts the old rows of a cell into the lists of some new ones."""
    both = np.concatenate([found.similarity[own], near.similarity], 1)
    order = np.argsort(-both, axis=1, kind="stable")[:, :_NEIGHBOURS]
    found.similarity[own] = np.take_along_axis(both, order, 1)
    for place, values in (
        (found.number, near.number),
        (found.level, near.level),
    ):
        both = np.concatenate([place[own], values], 1)
        place[own] = np.take_along_axis(both, order, 1)
