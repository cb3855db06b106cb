"""Shards of vectors, as they lie in a store's pending folder, into its table.

A shard of inference.shards has its ids and facts beside it, NNNNN.parquet
(looks.py). A run that was killed leaves whole shards; the next one of the same
encoder takes them in first, whatever its images are then.

Letters: n = images of a shard, f = features.
"""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from simclr.explore.store.cells import quoted
from simclr.explore.store.place import is_store
from simclr.explore.store.schema import Encoder
from simclr.explore.store.store import Store, begin
from simclr.storage.whole import whole_file

_STAMP = ("bytes", "time")
# What was said of an image stays.
_KEPT = ("day", "changed", "label", "prediction")


def facts_path(folder, index):
    """Where what was noted of a shard's images lies."""
    return os.path.join(folder, f"{index:05d}.parquet")


def write_facts(folder, index, facts):
    """Writes a shard's facts, a pa.Table: a file that is whole or not there."""
    with whole_file(facts_path(folder, index), "wb") as file:
        pa.parquet.write_table(facts, file)


def absorb(path, shards, run):
    """Writes the vectors of whole shards into a store.

    Args:
        path: the store's folder; the store is begun where there is none.
        shards: iterable of (vectors float16 [n, f], path of their facts).
        run: dict of the encoder: fingerprint, run, step, image_size.

    Returns:
        Store; None: there was no vector, and there is no store.
    """
    store = Store(path) if is_store(path) else None
    known = {}  # Source -> its rows in the table before: shards have others.
    for vectors, facts in shards:
        rows = pa.parquet.read_table(facts)
        if not len(rows):
            continue
        if store is None:
            encoder = Encoder(number=1, dims=vectors.shape[1], **run)
            first = _with_vectors(rows, vectors, encoder)
            store = begin(path, encoder, first.to_batches())
            continue
        encoder = known_encoder(store, run["fingerprint"])
        if encoder is None:
            number = len(store.encoders) + 1
            encoder = Encoder(number=number, dims=vectors.shape[1], **run)
            store.add_encoder(encoder)
        source = rows.column("source")[0].as_py()
        if source not in known:
            known[source] = _rows_of(store, source)
        _upsert(
            store,
            known[source],
            _with_vectors(rows, vectors, encoder),
            encoder,
        )
    return store


def known_encoder(store, fingerprint):
    """The store's Encoder of some weights; None: it has not seen it."""
    found = [e for e in store.encoders if e.fingerprint == fingerprint]
    return found[0] if found else None


def mark(store, ids, gone):
    """Notes that images are gone since a day, or with None that they are back.

    Args:
        store: Store.
        ids: list of str.
        gone: str, the day, or None.
    """
    if ids:
        days = pa.array([gone] * len(ids), pa.string())
        store.merge(pa.table({"id": ids, "gone": days}))


def _with_vectors(rows, vectors, encoder):
    """Rows of images and an encoder's cells; those of clusters are null."""
    flat = pa.array(np.asarray(vectors).reshape(-1), pa.float16())
    cells = {
        "vector": pa.FixedSizeListArray.from_arrays(flat, encoder.dims),
        "model": pa.array([encoder.fingerprint] * len(rows)),
    }
    for field in encoder.fields():
        name = field.name
        base = next((n for n in cells if encoder.column(n) == name), None)
        cell = cells[base] if base else pa.nulls(len(rows), field.type)
        rows = rows.append_column(field, cell)
    return rows


def _rows_of(store, source):
    """What the table has of a source, a pa.Table: id, bytes, time."""
    where = f"source = {quoted(source)}"
    return store.table.to_table(columns=["id", *_STAMP], filter=where)


def _upsert(store, known, rows, encoder):
    """Rows whose ids are not known are appended, the others written over."""
    place = pa.compute.index_in(rows["id"], value_set=known["id"])
    old = rows.filter(place.is_valid())
    new = rows.filter(place.is_null())
    if len(new):
        store.append(new.to_batches())
    if not len(old):
        return
    changed = _differs(old, known.take(place.drop_null()))
    day = old["day"].filter(changed)
    old = old.drop_columns(_KEPT)
    store.merge(old.filter(pa.compute.invert(changed)))
    # Another picture: what other encoders saw is not in the file any more.
    old = old.filter(changed).append_column("changed", day)
    for other in store.encoders:
        if other != encoder:
            for field in other.fields():
                cells = pa.nulls(len(old), field.type)
                old = old.append_column(field, cells)
    store.merge(old)


def _differs(rows, before):
    """bool, which rows have another stamp than before; no stamp is the same."""
    differs = (
        pa.compute.not_equal(rows[name], before[name]).fill_null(False)
        for name in _STAMP
    )
    return pa.compute.or_(*differs)
