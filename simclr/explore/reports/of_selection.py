"""Images to label: a labels.csv to fill in, and a sheet."""

import os

from simclr.explore.reports import sheets
from simclr.explore.reports.of_clusters import csv
from simclr.storage.whole import whole_path

_DRAWN = 280


def write(folder, store, found):
    """Writes labels.csv and labels.png.

    Args:
        folder: to make, or to write over.
        store: Store.
        found: selecting.Selected.
    """
    os.makedirs(folder, exist_ok=True)
    csv(folder, "labels.csv", found.table)
    ids = found.table["id"].to_pylist()
    with whole_path(os.path.join(folder, "labels.png")) as path:
        sheets.draw(
            store,
            path,
            title=f"{len(ids):,} images to label",
            subtitle=found.why,
            rows=[("In the order of choice.", ids[:_DRAWN])],
        )
