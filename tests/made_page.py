"""A store of made images with all that a page shows, and hostile texts."""

import cv2
import numpy as np
import pyarrow as pa

from simclr.explore import clustering, space
from simclr.explore.page import layout, write
from simclr.explore.store import store as stores
from tests import made_store

PARTS = 4
COLOURS = (40, 40, 220), (40, 200, 40), (220, 60, 40), (40, 200, 220)  # BGR.
HOSTILE = (
    "</script><img src=x onerror='document.title=1'> \"a\",\nb\u2028é"
    "\u202e\u05e9\u05dc"  # From right to left.
)


def store(path, count=600, clusters=PARTS, thumbnails=True):
    """A Store of 4 parts, each of a colour, 40 images of them of a second day.

    Image 0, its label, and the first cluster have a hostile name. Without
    `thumbnails` it has none, as of vectors that came from elsewhere.
    """
    vectors, part = made_store.mixture(count, PARTS, 16)
    rows = made_store.rows_of(vectors, made_store.encoder(16))
    ids = rows["id"].to_pylist()
    ids[0] = f"/s/{HOSTILE}"
    colours = np.array(COLOURS, np.uint8)
    pictures = [
        cv2.imencode(
            ".jpg", np.broadcast_to(colours[p], [48, 36, 3]).astype(np.uint8)
        )[1].tobytes()
        for p in part
    ]
    labels = [
        f"part {p}" if i % 10 == 1 else HOSTILE if i == 0 else None
        for i, p in enumerate(part)
    ]
    days = ["2026-01-01"] * (count - 40) + ["2026-01-02"] * 40
    for name, values in {
        "id": ids,
        "thumbnail": pictures if thumbnails else [None] * count,
        "label": labels,
        "day": days,
    }.items():
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(name).type
        rows = rows.set_column(place, name, pa.array(values, kind))
    with stores.held(str(path)):
        made = stores.begin(
            str(path), made_store.encoder(16), rows.to_batches()
        )
        clustering.cluster(made, k=clusters, day="2026-01-01")
        found = space.read(made)
        found.clusters.names[0] = HOSTILE
        space.write(made, found)
        layout.write(made, layout.fit(made))
        made.refresh()
    return made


def photos(folder, names):
    """A Store of images that lie in a folder, beside it."""
    vectors, _ = made_store.mixture(len(names), 2, 16)
    own = made_store.encoder(16)
    rows = made_store.rows_of(vectors, own, source=str(folder))
    place = rows.schema.get_field_index("id")
    ids = pa.array([f"{folder}/{name}" for name in names])
    rows = rows.set_column(place, "id", ids)
    data = cv2.imencode(".jpg", np.full([8, 8, 3], 90, np.uint8))[1].tobytes()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    path = f"{folder}_store"
    with stores.held(path):
        made = stores.begin(path, own, rows.to_batches())
        layout.write(made, layout.fit(made))
        made.refresh()
    return made


def page(made, folder, **options):
    """write.Page of a store."""
    path = str(folder / "page.html")
    options = {"title": f"store {HOSTILE}"} | options
    return write.write(made, layout.read(made), path, **options)
