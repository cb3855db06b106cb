"""Which of two duplicates to keep: the larger, the sharper, the older.

Letters: n = images.
"""

import pyarrow as pa
import pyarrow.compute as pc

_COLUMNS = {
    "id": pa.string(),
    "width": pa.int64(),
    "height": pa.int64(),
    "sharpness": pa.float32(),
    "time": pa.int64(),
}


def keep_order(images):
    """The order in which images are worth keeping, the best first.

    More pixels come first; of equal ones the sharper (looks.look), then the
    older file, then the smaller id. What is not known is worst.

    Args:
        images: pa.Table or dict of columns [n]: id (str), width and height
            (pixels), sharpness, time (us since 1970); null: not known.

    Returns:
        int64 [n], rows of `images`.
    """
    columns = [images[name] for name in _COLUMNS]
    table = pa.table(columns, names=list(_COLUMNS))
    table = table.cast(pa.schema(_COLUMNS))
    pixels = pc.multiply(table["width"], table["height"])
    table = table.append_column("pixels", pixels)
    keys = [
        ("pixels", "descending"),
        ("sharpness", "descending"),
        ("time", "ascending"),
        ("id", "ascending"),
    ]
    order = pc.sort_indices(table, sort_keys=keys)  # Nulls come last.
    return order.to_numpy().astype("int64")
