"""Neighbours of images: a table, and a sheet for people."""

import os

from simclr.explore.reports import csv_file, sheets, typed
from simclr.explore.store.cells import quoted
from simclr.pictures.page import INK

_TABLE = "neighbours.csv"
_AT_ONCE = 500  # Ids of one question to the store.
QUERIES = 40  # That are drawn.
_SHOWN = 13  # Neighbours of each, beside the query.


def require_unlabelled(folder, store):
    """Stops before labels that people typed are written over.

    Args:
        folder: str, where `write` is to write.
        store: Store.

    Raises:
        InputError: as typed.require_none.
    """

    def in_store(cells):
        ids = sorted({name for name, _ in cells})
        found = set()
        for start in range(0, len(ids), _AT_ONCE):
            some = ", ".join(map(quoted, ids[start : start + _AT_ONCE]))
            rows = store.read(["id", "label"], where=f"id in ({some})")
            found |= set(zip(*(rows[n].to_pylist() for n in ("id", "label"))))
        return found

    typed.require_none(os.path.join(folder, _TABLE), "label", in_store)


def write(folder, store, table, images):
    """Writes neighbours.csv and neighbours.png.

    Args:
        folder: to make, or to write over.
        store: Store.
        table: a table of looking_up.look_up.
        images: dict of a query's name -> uint8 [h, w, 3], of the first QUERIES
            that are not in the store.
    """
    os.makedirs(folder, exist_ok=True)
    csv_file.write(folder, _TABLE, table)
    by_query = {}
    for row in table.to_pylist():
        by_query.setdefault(row["query"], []).append(row)
    shown = dict(list(by_query.items())[:QUERIES])
    wanted = [row["id"] for rows in shown.values() for row in rows[:_SHOWN]]
    pictures = sheets.thumbnails(store, [*shown, *wanted])
    pictures |= {("query", name): image for name, image in images.items()}
    groups = []
    for name, rows in shown.items():
        best = rows[:_SHOWN]
        values = ", ".join(f"{row['similarity']:.2f}" for row in best)
        first = ("query", name) if name in images else name
        ids = [first, *(row["id"] for row in best)]
        frames = (INK, *[None] * len(best))
        groups.append((f"{name}: {values}", ids, frames))
    sheets.draw(
        pictures,
        os.path.join(folder, "neighbours.png"),
        title="Nearest images",
        subtitle="Framed: the image that was asked for. Then the most "
        "similar ones, with their cosines.",
        rows=groups,
    )
