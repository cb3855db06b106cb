"""A day's report: a table for the next system, a sheet for people."""

import os

import numpy as np

from simclr.explore.reports import csv_file, sheets
from simclr.messages.counts import counted

_ROW = 14  # Images of a group that are drawn.
_MOST_NOVEL = 42
_CLUSTERS = 20


def write(folder, store, day, table):
    """Writes new.csv and new.png.

    Args:
        folder: to make, or to write over.
        store: Store.
        day: str.
        table: a table of daily.table_of.
    """
    os.makedirs(folder, exist_ok=True)
    csv_file.write(folder, "new.csv", table)
    rows = table.to_pylist()
    novel = [r["id"] for r in rows if r["novelty"] and r["novelty"] > 1]
    twins = [r for r in rows if r["duplicate"]]
    groups = [
        (
            f"{len(novel):,} beyond their cluster's threshold, the most novel "
            "first",
            novel[:_MOST_NOVEL],
        )
    ]
    # New clusters first, then those with most images of the day.
    by_cluster = {}
    for row in rows:
        by_cluster.setdefault((row["cluster"], row["name"]), []).append(row)
    order = sorted(
        by_cluster.items(),
        key=lambda one: (not _is_new(one[1]), -len(one[1])),
    )
    for (cluster, name), own in order[:_CLUSTERS]:
        what = "a new cluster" if _is_new(own) else "cluster"
        typical = sorted(own, key=lambda row: row["distance"] or 0)
        groups.append(
            (
                f"{what} {cluster}  {name}  {counted(len(own), 'image')} of "
                "the day",
                [row["id"] for row in typical[:_ROW]],
            )
        )
    if twins:
        groups.append(
            (
                f"{counted(len(twins), 'duplicate')} of images that are there",
                [row["id"] for row in twins[:_ROW]],
            )
        )
    sheets.draw(
        store,
        os.path.join(folder, "new.png"),
        title=f"{day}: {len(rows):,} images that are new or changed",
        subtitle="What is unlike all before, then the day's clusters.",
        rows=groups,
    )


def _is_new(rows):
    """Whether a cluster was born on the day: all of its images are new."""
    return bool(np.all([row["new"] for row in rows])) and len(rows) > 1
