"""Thumbnails of a store's images, in sheets for people."""

import cv2
import numpy as np

from simclr.explore.store.cells import quoted
from simclr.pictures import groups

_AT_ONCE = 500  # Ids of one question to the table.
_NOTHING = np.full([8, 8, 3], 235, np.uint8)  # Of an image without a thumbnail.


def thumbnails(store, ids):
    """The thumbnails of images.

    Args:
        store: Store.
        ids: list of str.

    Returns:
        dict of id -> uint8 [h, w, 3]; a gray square where there is none.
    """
    found = dict.fromkeys(ids, _NOTHING)
    ids = list(found)
    for start in range(0, len(ids), _AT_ONCE):
        some = ", ".join(map(quoted, ids[start : start + _AT_ONCE]))
        rows = store.table.to_table(
            columns=["id", "thumbnail"], filter=f"id in ({some})"
        )
        for row in rows.to_pylist():
            if row["thumbnail"]:
                found[row["id"]] = _decoded(row["thumbnail"])
    return found


def draw(store, path, *, title, subtitle, rows):
    """Draws a sheet of groups of images.

    Args:
        store: Store; or a dict of id -> image, as `thumbnails` gives.
        path: of the PNG.
        title, subtitle: one line each.
        rows: list of (words, ids) or (words, ids, frames).
    """
    images = store
    if not isinstance(store, dict):
        images = thumbnails(store, [name for row in rows for name in row[1]])
    groups.draw(
        path,
        title=title,
        subtitle=subtitle,
        groups=[
            groups.Group(words, [images[name] for name in ids], *frames)
            for words, ids, *frames in rows
        ],
    )


def _decoded(data):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return _NOTHING if image is None else image[..., ::-1]
