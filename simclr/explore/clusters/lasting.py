"""Ids of clusters that last over new fits.

Letters: n = rows of the reference sample, k = clusters of the new fit, p =
moves that are said.
"""

import dataclasses

import numpy as np
from scipy import optimize

from simclr.explore.clusters.rand_index import contingency
from simclr.explore.clusters.state import NONE
from simclr.messages.errors import InputError

# A young cluster that grows to five times its rows is itself still.
LEAST_OVERLAP = 0.2


@dataclasses.dataclass(frozen=True)
class Matched:
    """A new fit in the ids of the old one.

    Attributes:
        ids: int32 [k], the id of each new label.
        parents: int32 [k], the old id that a new one was split from; or -1.
        next_id: int, larger than all ids that there ever were.
        born: tuple of the ids that are new.
        died: tuple of the old ids that are no more; each is in a split or a
            merge if it had rows in the reference.
        splits: tuple of (old id, tuple of the ids that took rows of it).
        merges: tuple of (tuple of old ids, the id that took them).
        moves: int32 [p, 2], old id and id: what splits and merges say.
        heirs: dict of an id that died -> the one that took most rows of it.
    """

    ids: np.ndarray
    parents: np.ndarray
    next_id: int
    born: tuple
    died: tuple
    splits: tuple
    merges: tuple
    moves: np.ndarray
    heirs: dict


def match(old, new, *, ids, k, next_id, least=LEAST_OVERLAP):
    """Gives the labels of a new fit ids: those of the old fit where they match.

    The Hungarian assignment that keeps most rows, among pairs of an old and a
    new cluster whose Jaccard overlap is `least` or more. Every other new
    cluster gets a new id. It is split from the old one that more than half of
    its rows come from, if there is such a one; else from the one that gave it
    most, and all that gave half as many. An old cluster without a match
    is merged into the one that more than half of its rows go to; or else it
    is split among all that took some.

    Args:
        old: int [n], ids of the reference rows; -1: none.
        new: int [n], their new labels in [0, k); -1: none.
        ids: int [k'], all ids that are alive.
        k: labels of the new fit.
        next_id: int, larger than all ids that there ever were.
        least: Jaccard overlap, rows in both by rows in either, in (0, 1].

    Returns:
        Matched.

    Raises:
        InputError: least outside (0, 1], lengths that differ, an id that is
            not alive, or a label outside [0, k).
    """
    old, new = np.asarray(old, np.int32), np.asarray(new, np.int32)
    ids = np.unique(np.asarray(ids, np.int32))
    _check(old, new, ids, k, least)
    pairs, counts = _shared(old, new)
    rows = np.searchsorted(ids, pairs[:, 0])
    columns = pairs[:, 1]
    in_old = np.bincount(np.searchsorted(ids, old[old >= 0]), None, len(ids))
    in_new = np.bincount(new[new >= 0], None, k)
    found = np.full(k, NONE, np.int32)
    overlap = counts / (in_old[rows] + in_new[columns] - counts)
    match_rows, match_columns = _assigned(rows, columns, counts, overlap, least)
    found[match_columns] = ids[match_rows]
    fresh = np.flatnonzero(found == NONE)
    found[fresh] = next_id + np.arange(len(fresh))
    died = np.setdiff1d(ids, found)

    mostly_from = counts * 2 > in_new[columns]
    mostly_to = counts * 2 > in_old[rows]
    is_fresh, is_dead = np.isin(columns, fresh), np.isin(ids[rows], died)
    split = is_fresh & mostly_from
    merged = is_dead & mostly_to
    parents = np.full(k, NONE, np.int32)
    parents[columns[split]] = ids[rows[split]]
    most = np.zeros(k, counts.dtype)
    np.maximum.at(most, columns, counts)
    gathered = is_fresh & ~np.isin(columns, columns[split])
    split |= gathered & (counts * 2 >= most[columns])
    whole = np.isin(rows, rows[merged])
    split |= is_dead & ~whole
    source, target = ids[rows], found[columns]
    order = np.flatnonzero(is_dead)[np.argsort(counts[is_dead], kind="stable")]
    return Matched(
        ids=found,
        parents=parents,
        next_id=next_id + len(fresh),
        born=tuple(found[fresh].tolist()),
        died=tuple(died.tolist()),
        splits=_splits(source[split], target[split], set(found.tolist())),
        merges=_merges(source[merged], target[merged], set(ids.tolist())),
        moves=np.stack([source, target], axis=1)[split | merged],
        heirs=dict(zip(source[order].tolist(), target[order].tolist())),
    )


def same(ids, next_id):
    """Where the labels of a fit are the clusters before, one by one.

    Args:
        ids: int32 [k], of the clusters before.
        next_id: int, larger than all ids that there ever were.

    Returns:
        Matched.
    """
    return Matched(
        ids=ids,
        parents=np.full(len(ids), NONE, np.int32),
        next_id=next_id,
        born=(),
        died=(),
        splits=(),
        merges=(),
        moves=np.zeros([0, 2], np.int32),
        heirs={},
    )


def follow(old, new, matched):
    """The id of every row after a new fit: its old one, unless events say else.

    A row at the border of two clusters lies in the other one after many a
    fit. It keeps its id all the same: an id changes only where a split or a
    merge says so. Of one that died, border rows go where most others go.

    Args:
        old: int [n], ids; -1: none.
        new: int [n], labels of the new fit; -1: none.
        matched: Matched.

    Returns:
        int32 [n], ids; -1: none, of rows without a label whose id died, too.
    """
    old = np.asarray(old, np.int32)
    target = np.append(matched.ids, np.int32(NONE))[new]
    result = np.where(old == NONE, target, old)
    differ = np.flatnonzero(result != target)
    here, there = old[differ], target[differ]
    said = np.isin(_key(here, there), _key(*matched.moves.T))
    result[differ[said]] = there[said]
    for one in matched.died:
        left = differ[~said & (here == one)]
        heir = matched.heirs.get(one, target[left])
        result[left] = np.where(target[left] == NONE, NONE, heir)
    return result


def _check(old, new, ids, k, least):
    if not 0 < least <= 1:
        raise InputError(f"An overlap of {least} is not in (0, 1].")
    if old.shape != new.shape:
        raise InputError(f"{len(old)} old and {len(new)} new labels.")
    strange = np.setdiff1d(old[old >= 0], ids)
    if len(strange):
        raise InputError(f"No cluster has the id {strange[0]}.")
    if len(new) and new.max() >= k:
        raise InputError(f"Label {new.max()} is not one of {k}.")


def _shared(old, new):
    both = (old >= 0) & (new >= 0)
    if not both.any():
        return np.zeros([0, 2], np.int64), np.zeros(0, np.int64)
    return contingency(old[both], new[both])


def _assigned(rows, columns, counts, overlap, least):
    """Rows and columns of the assignment that keeps most, int [m] each."""
    good = overlap >= least
    near, row = np.unique(rows[good], return_inverse=True)
    far, column = np.unique(columns[good], return_inverse=True)
    kept = np.zeros([len(near), len(far)])
    kept[row, column] = counts[good]
    row, column = optimize.linear_sum_assignment(kept, maximize=True)
    real = kept[row, column] > 0
    return near[row[real]], far[column[real]]


def _splits(source, target, alive):
    """(old id, ids) of moves; with the old one first where it lives on."""
    found = {}
    for one, to in zip(source.tolist(), target.tolist()):
        found.setdefault(one, [one] if one in alive else []).append(to)
    return tuple((one, tuple(to)) for one, to in found.items())


def _merges(source, target, known):
    """(old ids, id) of moves; with the id itself first where it is old."""
    found = {}
    for one, to in zip(source.tolist(), target.tolist()):
        found.setdefault(to, [to] if to in known else []).append(one)
    return tuple((tuple(ones), to) for to, ones in found.items())


def _key(old, new):
    return old.astype(np.int64) << 32 | new.astype(np.int64) & 0xFFFFFFFF
