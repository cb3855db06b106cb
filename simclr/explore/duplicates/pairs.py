"""All pairs of images whose score reaches a threshold.

Of small sets every pair is looked at. Of large ones only pairs in the same cell
are (cells.py): nearly all near-duplicates, for a time that grows as n^1.5.

Letters: n m = rows of two sets, p = pairs.
"""

import dataclasses
import functools

import numpy as np

from simclr.executors import HERE
from simclr.explore.duplicates.cells import cells_of, centres_of, grouped
from simclr.explore.duplicates.scores import EXACT
from simclr.explore.duplicates.tiles import hits
from simclr.messages.errors import InputError

MOST = 20_000_000  # Pairs; about 1 GB. More are no duplicates, or one image.
# Products in tiles differ in the last bits from those that decide.
_SLACK = 1e-5
_BLOCK = 16384  # Rows; 8 MiB of float32 at 128 dimensions.


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Pairs of rows, in ascending order of `first`, then `second`.

    Attributes:
        first: int64 [p], rows of one set.
        second: int64 [p], rows of the other; of one set: > first.
        score: float32 [p].
    """

    first: np.ndarray
    second: np.ndarray
    score: np.ndarray

    def __len__(self):
        return len(self.first)

    def above(self, threshold):
        """The pairs whose score is at least `threshold`."""
        kept = self.score >= threshold
        return Pairs(self.first[kept], self.second[kept], self.score[kept])


def pairs_within(one, threshold, exact=None, seed=0, most=MOST, executor=HERE):
    """The pairs of a set whose score reaches a threshold.

    Args:
        one: scores.Scored, n rows.
        threshold: float.
        exact: bool, look at every pair; None: where n is at most 20,000.
        seed: int, of the cells.
        most: pairs that may be kept in memory.
        executor: computes groups of cells.

    Returns:
        Pairs.

    Raises:
        InputError: more than `most` pairs reach the threshold, or it is not
            finite.
    """
    return _pairs(one, None, threshold, exact, seed, most, executor)


def pairs_between(
    one, other, threshold, exact=None, seed=0, most=MOST, executor=HERE
):
    """The pairs of a row of one set and a row of another.

    Args:
        one: scores.Scored, n rows: of test images, say.
        other: scores.Scored, m rows, of the same background: training images.
        threshold, exact, seed, most, executor: as of `pairs_within`.

    Returns:
        Pairs.

    Raises:
        InputError: as of `pairs_within`, or the two have not the same d.
    """
    if one.rows.shape[1] != other.rows.shape[1]:
        raise InputError(
            f"Vectors of {one.rows.shape[1]} and of {other.rows.shape[1]} "
            "dimensions cannot be compared."
        )
    return _pairs(one, other, threshold, exact, seed, most, executor)


def _pairs(one, other, threshold, exact, seed, most, executor):
    if not np.isfinite(threshold):
        raise InputError(f"The threshold is {threshold}.")
    second = one if other is None else other
    if exact is None:
        exact = max(len(one), len(second)) <= EXACT
    looked_at = (
        _every(one, other) if exact else _in_cells(one, other, seed, executor)
    )
    function = functools.partial(
        _pairs_in,
        dataclasses.replace(one, cells=None),
        other and dataclasses.replace(other, cells=None),
        threshold,
        most,
    )
    found, count = [np.zeros([0], np.int64)], 0
    for some in executor.map(function, grouped(looked_at)):
        found.append(some)
        count += len(some)
        _require_few(count, most, threshold)
    first, last = np.divmod(np.unique(np.concatenate(found)), len(second))
    score = one.pair_scores(second, first, last)
    return Pairs(first, last, score).above(threshold)


def _pairs_in(one, other, threshold, most, lists):
    """The function of a group of cells.

    Args:
        one, other, threshold, most: as of `pairs_between`; None: within `one`.
        lists: list of what `_every` yields.

    Returns:
        int64 [p'], first m + second of the pairs near the threshold or above.
    """
    second = one if other is None else other
    found, count = [np.zeros([0], np.int64)], 0
    for cell in lists:
        for queries, candidates, same in _blocks(*cell):
            left, right = one.queries(queries), second.candidates(candidates)
            for i, j in hits(left, right, threshold - _SLACK, same):
                i, j = queries[i], candidates[j]
                if other is None:
                    i, j = np.minimum(i, j), np.maximum(i, j)
                found.append(i * len(second) + j)
                count += len(i)
        _require_few(count, most, threshold)
    return np.concatenate(found)


def _require_few(count, most, threshold):
    """Raises InputError; a pair is found in two cells at most."""
    if count > 2 * most:
        raise InputError(
            f"More than {most} pairs reach the threshold {threshold:.3g}: "
            "it is too low, or very many images are the same."
        )


def _every(one, other):
    """Lists of rows: queries, candidates, whether the first are the second."""
    if other is None:
        yield np.arange(len(one)), np.arange(len(one)), True
    else:
        yield np.arange(len(one)), np.arange(len(other)), False


def _in_cells(one, other, seed, executor):
    """As `_every`, cell by cell."""
    cells, others = _same_cells(one, other, seed, executor)
    if other is None:
        for home, guests in zip(cells.home, cells.guests):
            yield home, home, True
            yield home, guests, False
        return
    for home, guests, other_home, other_guests in zip(
        cells.home, cells.guests, others.home, others.guests
    ):
        yield home, np.concatenate([other_home, other_guests]), False
        yield guests, other_home, False


def _same_cells(one, other, seed, executor):
    """Cells of both sets, of the same centres: those of levels if they are."""
    other = one if other is None else other
    cells = one.cells, other.cells
    if None not in cells and cells[0].centres is cells[1].centres:
        return cells
    larger = max(one, other, key=len)
    centres = centres_of(larger.rows, seed)
    return tuple(cells_of(s.rows, centres, executor) for s in (one, other))


def _blocks(queries, candidates, same):
    """The same lists in parts, so that memory does not grow with them."""
    for start in range(0, len(queries), _BLOCK):
        part = queries[start : start + _BLOCK]
        if same:
            yield part, part, True
        after = start + len(part) if same else 0
        for left in range(after, len(candidates), _BLOCK):
            yield part, candidates[left : left + _BLOCK], False
