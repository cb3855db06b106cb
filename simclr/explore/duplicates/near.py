"""New rows among very many old ones: only the nearest cells are looked at.

Old rows lie sorted by their home cells, in segments that a reader streams. A
new row is compared with those at home in its own nearest cells.

Letters: n = new rows, b = rows of a block, d = dimensions, k = cells, t =
neighbours of a row.
"""

import dataclasses

import faiss
import numpy as np

from simclr.explore.duplicates.cells import NEAREST, members
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


def search(rows, centres, blocks):
    """Looks for old rows near new ones.

    Args:
        rows: float16 [n, d], of unit length.
        centres: float32 [k, d], of the cells.
        blocks: iterable of (cell int [b], rows float16 [b, d], level float32
            [b], number int64 [b]) of old rows; equal cells lie together.

    Returns:
        Near.
    """
    count = min(NEAREST, len(centres))
    _, visited = faiss.knn(
        rows.astype(np.float32),
        centres,
        count,
        metric=faiss.METRIC_INNER_PRODUCT,
    )
    visitors = members(visited, len(centres))
    found = Near(
        np.full([len(rows), _NEIGHBOURS], _NONE, np.float32),
        np.full([len(rows), _NEIGHBOURS], -1, np.int64),
        np.zeros([len(rows), _NEIGHBOURS], np.float32),
    )
    for cell, old, level, number in blocks:
        edges = np.flatnonzero(np.diff(cell)) + 1
        for start, end in zip([0, *edges], [*edges, len(cell)]):
            own = visitors[cell[start]] if end > start else ()
            if len(own):
                part = slice(start, end)
                _take(found, rows, own, old[part], level[part], number[part])
    return found


def _take(found, rows, own, old, level, number):
    """Puts the nearest of some old rows into the lists of some new ones."""
    similarity = rows[own].astype(np.float32) @ old.astype(np.float32).T
    if similarity.shape[1] > _NEIGHBOURS:
        best = np.argpartition(-similarity, _NEIGHBOURS, 1)[:, :_NEIGHBOURS]
    else:
        best = np.broadcast_to(np.arange(len(old)), similarity.shape)
    both = np.concatenate(
        [found.similarity[own], np.take_along_axis(similarity, best, 1)], 1
    )
    order = np.argsort(-both, axis=1, kind="stable")[:, :_NEIGHBOURS]
    found.similarity[own] = np.take_along_axis(both, order, 1)
    for place, values in ((found.number, number), (found.level, level)):
        both = np.concatenate([place[own], values[best]], 1)
        place[own] = np.take_along_axis(both, order, 1)
