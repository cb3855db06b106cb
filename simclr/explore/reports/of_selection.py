"""Images to label: a labels.csv to fill in, and a sheet."""

import os

from simclr.explore.reports import csv_file, sheets

_DRAWN = 280


def write(folder, store, found):
    """Writes labels.csv and labels.png.

    Args:
        folder: to make, or to write over.
        store: Store.
        found: selecting.Selected.
    """
    os.makedirs(folder, exist_ok=True)
    csv_file.write(folder, "labels.csv", found.table)
    ids = found.table["id"].to_pylist()
    sheets.draw(
        store,
        os.path.join(folder, "labels.png"),
        title=f"{len(ids):,} images to label",
        subtitle=found.why,
        rows=[("In the order of choice.", ids[:_DRAWN])],
    )
