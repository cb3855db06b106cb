"""Neighbours of images: a table, and a sheet for people."""

import os

from simclr.explore.reports import sheets
from simclr.explore.reports.of_clusters import csv
from simclr.pictures.page import INK
from simclr.storage.whole import whole_path

_QUERIES = 40  # That are drawn.
_SHOWN = 13  # Neighbours of each, beside the query.


def write(folder, store, table, images):
    """Writes neighbours.csv and neighbours.png.

    Args:
        folder: to make, or to write over.
        store: Store.
        table: a table of looking_up.look_up.
        images: dict of a query's name -> uint8 [h, w, 3], of queries that are
            not in the store.
    """
    os.makedirs(folder, exist_ok=True)
    csv(folder, "neighbours.csv", table)
    by_query = {}
    for row in table.to_pylist():
        by_query.setdefault(row["query"], []).append(row)
    shown = dict(list(by_query.items())[:_QUERIES])
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
    with whole_path(os.path.join(folder, "neighbours.png")) as path:
        sheets.draw(
            pictures,
            path,
            title="Nearest images",
            subtitle="Framed: the image that was asked for. Then the most "
            "similar ones, with their cosines.",
            rows=groups,
        )
