"""The whitened images of a store by cells, so that a day's duplicates are
found without a look at all of it.

`simclr dedup` makes the index, a day adds to it. It is two tables beside the
images: `duplicates` (whitening, centres of cells, threshold) and
`duplicate_rows`, a row an image, sorted by cell within each batch.

Letters: n = new images, m = images of the index, d = dimensions.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.executors import HERE
from simclr.explore.clusters.whiten import Whitening
from simclr.explore.duplicates.cells import cells_of, centres_of
from simclr.explore.duplicates.groups import leader_groups
from simclr.explore.duplicates.keep import keep_order
from simclr.explore.duplicates.near import search
from simclr.explore.duplicates.pairs import Pairs, pairs_within
from simclr.explore.duplicates.scores import Scored
from simclr.explore.store.arrays import from_table, to_table
from simclr.explore.store.cells import to_array

_BLOCK = 65_536  # Rows that are read at a time.


@dataclasses.dataclass(frozen=True)
class NewDuplicates:
    """What is known of new images.

    Attributes:
        duplicate: list of str or None [n], the image that stands for each.
        score: float32 [n], with that one; NaN: none.
    """

    duplicate: list
    score: np.ndarray


def begin(store, whitening, own, ids, kept, threshold, seed):
    """Writes the index of all images.

    Args:
        store: Store, held by the caller.
        whitening: Whitening.
        own: scores.Scored [m].
        ids: pa.Array of str [m].
        kept: bool [m].
        threshold: float, of the score.
        seed: int, of the cells.
    """
    centres = own.cells.centres if own.cells else centres_of(own.rows, seed)
    cells = own.cells or cells_of(own.rows, centres)
    name = _name(store)
    kinds = _kinds(own.rows.shape[1])
    store.stream(name, kinds, _batches(own, cells, ids, kept, 0, kinds))
    store.put(
        store.current.column("duplicates"),
        to_table(
            {
                "mean": whitening.mean,
                "axes": whitening.axes,
                "centres": centres,
                "threshold": threshold,
            }
        ),
    )


def find(store, ids, vectors, images, executor=HERE):
    """Looks for duplicates of new images, in the index and among themselves.

    Args:
        store: Store, held by the caller.
        ids: pa.Array of str [n].
        vectors: float16 [n, f].
        images: pa.Table [n] with what keep.keep_order asks.
        executor: computes blocks of the index, and groups of cells.

    Returns:
        (NewDuplicates, function that adds the images to the index: called
        once they are written); (None, None) where there is no index.
    """
    facts = store.get(store.current.column("duplicates"))
    table = store.beside(_name(store))
    if facts is None or table is None:
        return None, None
    facts = {k: v.astype(np.float32) for k, v in from_table(facts).items()}
    whitening = Whitening(facts["mean"], facts["axes"])
    rows = whitening.apply(vectors).astype(np.float16)
    threshold = float(facts["threshold"])
    batch = _without(table, ids)
    near = search(rows, facts["centres"], _blocks(table), executor)
    own = Scored(rows, near.levels)
    score = near.similarity - (near.level + own.levels[:, None]) / 2
    score[(near.number < 0) | ~_kept(table, near.number)] = -np.inf
    best = score.argmax(1)
    every = np.arange(len(rows))
    found = score[every, best] >= threshold
    known = _ids(table, near.number[every, best][found])
    inside = pairs_within(own, threshold, executor=executor)
    groups = leader_groups(_not_found(inside, found), keep_order(images))
    itself = groups.kept == every
    duplicate = np.full(len(rows), None, object)
    names = np.array(ids.to_pylist(), object)
    duplicate[~itself] = names[groups.kept[~itself]]
    duplicate[found] = known
    value = np.where(found, score[every, best], groups.score)
    kept = np.array([one is None for one in duplicate])

    def add():
        cells = cells_of(rows, facts["centres"])
        kinds = _kinds(rows.shape[1])
        batches = _batches(own, cells, ids, kept, batch + 1, kinds)
        store.stream(_name(store), kinds, batches, more=True)

    return NewDuplicates(duplicate.tolist(), value), add


def _not_found(pairs, found):
    """Pairs of images that no known one stands for."""
    free = ~(found[pairs.first] | found[pairs.second])
    return Pairs(pairs.first[free], pairs.second[free], pairs.score[free])


def _without(table, ids):
    """The number of the last batch; what a killed day added goes.

    A day adds its batch last of all but one thing, so these are its own ids.
    """
    last = 0
    for batch in table.to_batches(columns=["batch"]):
        last = max(last, int(batch.column(0).to_numpy().max()))
    if last:
        own = table.to_table(columns=["id"], filter=f"batch = {last}")
        if pa.compute.is_in(own["id"], value_set=ids).to_numpy().any():
            table.delete(f"batch = {last}")
            table.checkout_latest()
            last -= 1
    return last


def _name(store):
    return store.current.column("duplicates") + "_rows"


def _kinds(dims):
    return pa.schema(
        [
            ("batch", pa.int32()),
            ("cell", pa.int32()),
            ("level", pa.float32()),
            ("kept", pa.bool_()),
            ("id", pa.string()),
            ("row", pa.list_(pa.float16(), dims)),
        ]
    )


def _batches(own, cells, ids, kept, batch, kinds):
    """Yields the rows of an index, cell by cell."""
    order = np.concatenate(cells.home)
    home = np.repeat(np.arange(len(cells.home)), [len(c) for c in cells.home])
    for start in range(0, len(order), _BLOCK):
        part = order[start : start + _BLOCK]
        flat = pa.array(own.rows[part].reshape(-1))
        yield pa.record_batch(
            [
                pa.array(np.full(len(part), batch, np.int32)),
                pa.array(home[start : start + _BLOCK].astype(np.int32)),
                pa.array(own.levels[part]),
                pa.array(kept[part]),
                ids.take(pa.array(part)),
                pa.FixedSizeListArray.from_arrays(flat, own.rows.shape[1]),
            ],
            schema=kinds,
        )


def _blocks(table):
    """Yields what near.search reads."""
    start = 0
    scanner = table.scanner(
        columns=["cell", "level", "row"],
        batch_size=_BLOCK,
        scan_in_order=True,
        batch_readahead=2,
        fragment_readahead=1,
    )
    for batch in scanner.to_batches():
        cell, level, row = batch.columns
        number = np.arange(start, start + len(batch))
        yield cell.to_numpy(), to_array(row), level.to_numpy(), number
        start += len(batch)


def _kept(table, number):
    """bool, like `number`: whether old rows stand for themselves."""
    kept = table.to_table(columns=["kept"], scan_in_order=True)["kept"]
    kept = kept.to_numpy()
    return kept[np.maximum(number, 0)]


def _ids(table, number):
    """The ids of old rows, a list."""
    if not len(number):
        return []
    return table.take(number, columns=["id"])["id"].to_pylist()
