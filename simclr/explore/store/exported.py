"""A store's rows as files that other programs open.

Letters: m = images with a vector of the current encoder, f = features.
"""

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from simclr.storage import array_file
from simclr.storage.whole import whole_path

# What people and programs ask about an image; an encoder's are the current
# one's.
COLUMNS = (
    *("id", "source", "bytes", "time", "width", "height", "sharpness", "day"),
    *("label", "prediction", "cluster", "distance", "novelty", "duplicate"),
)


def export(store, path, to):
    """Writes the live rows of a store.

    Args:
        store: Store.
        path: file to write; with "npy" a CSV of the same rows is beside it.
        to: "parquet": COLUMNS, `vector`, `thumbnail`. "atlas":
            the same for Embedding Atlas, with `image` as it shows pictures.
            "npy": float16 [m, f].

    Returns:
        list of the files that were written.
    """
    if to == "npy":
        return _numpy(store, path)
    with whole_path(path) as unfinished:
        _parquet(store, unfinished, _ATLAS if to == "atlas" else _PLAIN)
    return [path]


def _vector(column):
    """float32: pandas and Atlas read no float16 lists."""
    return column.cast(pa.list_(pa.float32()))


def _image(column):
    """A picture as Hugging Face's data sets, and Atlas, have it."""
    nothing = pa.nulls(len(column), pa.string())
    return pa.StructArray.from_arrays([column, nothing], ["bytes", "path"])


_PLAIN = {"vector": _vector, "thumbnail": lambda column: column}
_ATLAS = {"vector": _vector, "thumbnail": _image}


def _parquet(store, path, forms):
    writer = None
    names = [*COLUMNS, *forms]
    for batch in store.scan(names):
        columns = {
            name: forms.get(name, lambda x: x)(batch.column(name))
            for name in names
        }
        if forms is _ATLAS:
            columns["image"] = columns.pop("thumbnail")
        rows = pa.table(columns)
        writer = writer or pa.parquet.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    writer.close()


def beside(path):
    """Path of the CSV of the rows beside a file of vectors."""
    return f"{os.path.splitext(path)[0]}.csv"


def _numpy(store, path):
    blocks = store.blocks()
    shape = store.count(), store.current.dims
    with whole_path(path) as unfinished:
        place = array_file.create(unfinished, np.float16, shape)
        start = 0
        for block in blocks:
            place[start : start + len(block)] = block
            start += len(block)
        place.flush()
    with whole_path(beside(path)) as unfinished:
        pa.csv.write_csv(store.read(list(COLUMNS)), unfinished)
    return [path, beside(path)]
