"""The whitened images of a store by cells, so that a day's duplicates are
found without a look at all of it.

`simclr dedup` makes the index, a day adds to it. It is two tables beside the
images: `duplicates` (whitening, centres of cells, threshold) and
`duplicates_rows`, a row an image, sorted by cell within what a day added. An
image that went stays in it, for it may come back, and is passed over.

Letters: n = new images, m = images of the index, d = dimensions.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute

from simclr.executors import HERE
from simclr.explore.clusters.whiten import Whitening
from simclr.explore.duplicates.cells import cells_of, centres_of
from simclr.explore.duplicates.groups import leader_groups
from simclr.explore.duplicates.keep import keep_order
from simclr.explore.duplicates.near import search
from simclr.explore.duplicates.pairs import Pairs, pairs_within
from simclr.explore.duplicates.scores import Scored
from simclr.explore.store.arrays import from_table, to_table
from simclr.explore.store.cells import quoted, to_array
from simclr.explore.store.place import side
from simclr.messages.errors import InputError

_BLOCK = 65_536  # Rows that are read at a time.
_NAMED = 10_000  # Ids of one question to a table.


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
    store.stream(name, kinds, _batches(own, cells, ids, kept, kinds))
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
        (NewDuplicates, function that adds the images to the index);
        (None, None) where there is no index.

    Raises:
        InputError: another version of this program wrote the index.
    """
    facts = store.get(store.current.column("duplicates"))
    table = store.beside(_name(store))
    if facts is None or table is None:
        return None, None
    _require_ours(store, table)
    facts = {k: v.astype(np.float32) for k, v in from_table(facts).items()}
    whitening = Whitening(facts["mean"], facts["axes"])
    rows = whitening.apply(vectors).astype(np.float16)
    threshold = float(facts["threshold"])
    # What the index has of the images themselves is of a killed day, or of
    # another picture in the same file.
    passed_over = pa.concat_arrays([ids, _lost(store)])
    blocks = _blocks(table, passed_over)
    near = search(rows, facts["centres"], blocks, executor)
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
        known = table.to_table(columns=["id"])["id"].combine_chunks()
        there = known.filter(pa.compute.is_in(known, value_set=ids))
        for where in _named(there):
            table.delete(where)
        cells = cells_of(rows, facts["centres"])
        kinds = _kinds(rows.shape[1])
        batches = _batches(own, cells, ids, kept, kinds)
        store.stream(_name(store), kinds, batches, more=True)

    return NewDuplicates(duplicate.tolist(), value), add


def _not_found(pairs, found):
    """Pairs of images that no known one stands for."""
    free = ~(found[pairs.first] | found[pairs.second])
    return Pairs(pairs.first[free], pairs.second[free], pairs.score[free])


def release(store, changed=()):
    """Images stand for themselves again whose kept one went or changes.

    Args:
        store: Store, held by the caller.
        changed: list of ids of images that are other pictures now.
    """
    column = store.current.column("duplicate")
    where = f"{column} is not null"
    members = store.table.to_table(columns=["id", column], filter=where)
    if not len(members):
        return
    changed = pa.array(changed, pa.string())
    lost = pa.concat_arrays([changed, _lost(store)])
    free = pa.compute.is_in(members[column], value_set=lost)
    free = members["id"].filter(free).combine_chunks()
    table = store.beside(_name(store))
    if not len(free):
        return
    # The index first: after a kill the column still says what is to do.
    for where in _named(free) if table is not None else ():
        table.update({"kept": "true"}, where)
    nobody = pa.nulls(len(free), pa.string())
    store.merge(pa.table({"id": free, column: nobody}))


def _lost(store):
    """The ids of images that went or have no vector, a pa.Array."""
    where = f"gone is not null or {store.current.column('model')} is null"
    found = store.table.to_table(columns=["id"], filter=where)
    return found["id"].combine_chunks()


def _named(ids):
    """Yields filters of some ids each."""
    for start in range(0, len(ids), _NAMED):
        some = ids[start : start + _NAMED].to_pylist()
        yield f"id in ({', '.join(map(quoted, some))})"


def _require_ours(store, table):
    """Raises InputError where an index has other columns."""
    if table.schema.names != _kinds(1).names:
        name = _name(store)
        raise InputError(
            "Another version of simclr wrote the index of duplicates of "
            f"{store.path}: move {side(store.path, name)} away, and say "
            "simclr dedup again."
        )


def _name(store):
    return store.current.column("duplicates") + "_rows"


def _kinds(dims):
    return pa.schema(
        [
            ("cell", pa.int32()),
            ("level", pa.float32()),
            ("kept", pa.bool_()),
            ("id", pa.string()),
            ("row", pa.list_(pa.float16(), dims)),
        ]
    )


def _batches(own, cells, ids, kept, kinds):
    """Yields the rows of an index, cell by cell."""
    order = np.concatenate(cells.home)
    home = np.repeat(np.arange(len(cells.home)), [len(c) for c in cells.home])
    for start in range(0, len(order), _BLOCK):
        part = order[start : start + _BLOCK]
        flat = pa.array(own.rows[part].reshape(-1))
        yield pa.record_batch(
            [
                pa.array(home[start : start + _BLOCK].astype(np.int32)),
                pa.array(own.levels[part]),
                pa.array(kept[part]),
                ids.take(pa.array(part)),
                pa.FixedSizeListArray.from_arrays(flat, own.rows.shape[1]),
            ],
            schema=kinds,
        )


def _blocks(table, passed_over):
    """Yields what near.search reads; the number of some ids is -1."""
    start = 0
    scanner = table.scanner(
        columns=["cell", "level", "row", "id"],
        batch_size=_BLOCK,
        scan_in_order=True,
        batch_readahead=2,
        fragment_readahead=1,
    )
    for batch in scanner.to_batches():
        cell, level, row, name = batch.columns
        over = pa.compute.is_in(name, value_set=passed_over)
        number = np.arange(start, start + len(batch))
        number[over.to_numpy(zero_copy_only=False)] = -1
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
