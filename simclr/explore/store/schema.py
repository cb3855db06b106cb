"""The columns of a store's table: one row an image.

What is of an encoder has columns of each encoder's own, never mixed: the first
one's are called `vector`, `cluster`, the second one's `vector_2`, `cluster_2`.

Letters: f = features of a vector.
"""

import dataclasses
import json

import pyarrow as pa

from simclr.storage import json_text

_IMAGE = {
    "id": pa.string(),  # SOURCE/NAME, and so unique over sources.
    "source": pa.string(),
    "bytes": pa.int64(),  # Of the file; null where the source cannot tell.
    "time": pa.int64(),  # Of its last change, us since 1970; or null.
    "width": pa.int32(),
    "height": pa.int32(),
    "sharpness": pa.float32(),
    "thumbnail": pa.binary(),
    "day": pa.string(),  # 2026-11-28, when it came.
    "changed": pa.string(),  # The day when its file was another; or null.
    "gone": pa.string(),  # The day when it was missed; null: it is there.
    "label": pa.string(),
    "prediction": pa.string(),
}
# `vector` comes with the first rows, which tell its length.
_ENCODED = {
    "model": pa.string(),  # The encoder's fingerprint; null: no vector yet.
    "cluster": pa.int32(),
    "distance": pa.float32(),
    "novelty": pa.float32(),
    "duplicate": pa.string(),  # The id of the image to keep in its place.
}
# Small tables beside the images that are of an encoder, too.
_TABLES = ("clusters", "duplicates", "map")


@dataclasses.dataclass(frozen=True)
class Encoder:
    """An encoder whose vectors a store holds.

    Attributes:
        number: int from 1 on.
        fingerprint: str, of its weights.
        run: str, where it was loaded from.
        step: int.
        image_size: int, pixels.
        dims: f.
    """

    number: int
    fingerprint: str
    run: str
    step: int
    image_size: int
    dims: int

    def column(self, name):
        """What a column, or a small table, that may be its own is called."""
        own = name in ("vector", *_ENCODED, *_TABLES)
        return name if self.number == 1 or not own else f"{name}_{self.number}"

    def fields(self):
        """Its columns, a list of pa.Field."""
        kinds = {"vector": pa.list_(pa.float16(), self.dims), **_ENCODED}
        return [pa.field(self.column(name), k) for name, k in kinds.items()]


def schema(encoders):
    """The table's schema.

    Args:
        encoders: list of Encoder.

    Returns:
        pa.Schema.
    """
    fields = missing([])
    for encoder in encoders:
        fields += encoder.fields()
    return pa.schema(fields)


def missing(names):
    """What a table has not of the columns that are no encoder's.

    Args:
        names: list of str, of its columns.

    Returns:
        list of pa.Field.
    """
    return [pa.field(n, k) for n, k in _IMAGE.items() if n not in names]


def to_json(encoders, current):
    """What a table keeps of its encoders, a text."""
    rows = [dataclasses.asdict(encoder) for encoder in encoders]
    return json.dumps({"encoders": rows, "current": current})


def from_json(text):
    """(list of Encoder, number of the current one): what `to_json` wrote."""
    facts = json_text.parse(text)
    return [Encoder(**row) for row in facts["encoders"]], facts["current"]


def images_table(columns):
    """Rows of images without what is an encoder's.

    Args:
        columns: dict of name -> list; what is not there is null.

    Returns:
        pa.Table.
    """
    count = len(columns["id"])
    return pa.table(
        {
            name: pa.array(columns[name], kind)
            if name in columns
            else pa.nulls(count, kind)
            for name, kind in _IMAGE.items()
        }
    )
