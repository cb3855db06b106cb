"""The report of near-duplicates: tables and sheets in a folder."""

import os

import pyarrow as pa
import pyarrow.compute

from simclr.explore.reports import csv_file, sheets
from simclr.pictures.page import GREEN, INK

_GROUPS = 40  # That are drawn, the largest first.
_OF_A_GROUP = 14


def write(folder, store, other, found):
    """Writes the report.

    Args:
        folder: to make, or to write over.
        store: Store.
        other: the second Store; None.
        found: deduplication.Duplicates.
    """
    os.makedirs(folder, exist_ok=True)
    csv_file.write(folder, "groups.csv", found.groups)
    csv_file.write(folder, "doubtful.csv", found.doubtful)
    if found.calibration:
        csv_file.write(folder, "curve.csv", found.calibration.curve)
    pairs = found.doubtful.to_pylist()
    images = sheets.thumbnails(store, [pair["id"] for pair in pairs])
    seconds = sheets.thumbnails(other or store, [p["other"] for p in pairs])
    named = images | {("other", k): v for k, v in seconds.items()}
    rows = [
        (
            f"{pair['score']:.3f} "
            f"{'a duplicate' if pair['duplicate'] else 'no duplicate'}: "
            f"{pair['id']} and {pair['other']}",
            [pair["id"], ("other", pair["other"])],
            (GREEN if pair["duplicate"] else INK,) * 2,
        )
        for pair in pairs
    ]
    sheets.draw(
        named,
        os.path.join(folder, "doubtful.png"),
        title=f"Pairs next to the threshold of {found.threshold:.3f}",
        subtitle="Green frames: taken for duplicates; black ones: not. "
        "Another --threshold moves the line.",
        rows=rows,
    )
    if other is None:
        csv_file.write(folder, "keep.csv", _kept(store))
        _draw_groups(folder, store, found.groups)


def _kept(store):
    """Every live image, and whether it is kept."""
    rows = store.read(["id", "duplicate"])
    kept = pa.compute.is_null(rows["duplicate"])
    return pa.table({"id": rows["id"], "kept": kept})


def _draw_groups(folder, store, groups):
    """The largest groups, the kept image first."""
    members = {}
    for row in groups.to_pylist():
        members.setdefault(row["group"], []).append(row["id"])
    largest = sorted(members.items(), key=lambda item: -len(item[1]))
    rows = [
        (
            f"{len(ids)} images, kept: {name}",
            ids[:_OF_A_GROUP],
            (GREEN, *[None] * (min(len(ids), _OF_A_GROUP) - 1)),
        )
        for name, ids in largest[:_GROUPS]
    ]
    sheets.draw(
        store,
        os.path.join(folder, "groups.png"),
        title=f"{len(members):,} groups of duplicates, the largest",
        subtitle="Green frame: the image to keep. Nothing was deleted.",
        rows=rows,
    )
