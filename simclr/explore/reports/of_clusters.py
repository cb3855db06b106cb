"""What is in clusters: tables and sheets in a folder."""

import os

import numpy as np
import pyarrow as pa

from simclr.explore.reports import csv_file, sheets
from simclr.messages.counts import counted
from simclr.pictures.page import BLUE, MUTED, Page

_CLUSTERS = 60  # That are drawn, the largest first.
_OF_A_CLUSTER = 14  # Images, the most typical first.


def write(folder, store, found):
    """Writes clusters.csv and clusters.png; k.csv and k.png where k was
    chosen; events.csv where there were clusters before.

    Args:
        folder: to make, or to write over.
        store: Store, with its new clusters.
        found: clustering.Clustered.
    """
    os.makedirs(folder, exist_ok=True)
    csv_file.write(folder, "clusters.csv", found.table)
    draw(os.path.join(folder, "clusters.png"), store, found.table)
    if found.choice:
        rows = [vars(one) for one in found.choice.stabilities]
        csv_file.write(folder, "k.csv", pa.Table.from_pylist(rows))
        _draw_k(os.path.join(folder, "k.png"), found.choice)
    if found.matched:
        csv_file.write(folder, "events.csv", events(found.matched))


def events(matched):
    """What became of clusters: pa.Table of event, old, new (ids by spaces)."""
    in_split = {to for _, into in matched.splits for to in into}
    in_event = {one for ones, _ in matched.merges for one in ones}
    in_event |= {old for old, _ in matched.splits}
    rows = [("split", [old], into) for old, into in matched.splits]
    rows += [("merge", ones, [to]) for ones, to in matched.merges]
    rows += [("born", [], [i]) for i in matched.born if i not in in_split]
    rows += [("died", [i], []) for i in matched.died if i not in in_event]
    return pa.table(
        {
            "event": pa.array([event for event, _, _ in rows], pa.string()),
            "old": pa.array([_joined(o) for _, o, _ in rows], pa.string()),
            "new": pa.array([_joined(n) for _, _, n in rows], pa.string()),
        }
    )


def draw(path, store, table):
    """A sheet of the largest clusters and their most typical images.

    Args:
        path: of the PNG.
        store: Store.
        table: pa.Table of clustering.sizes.
    """
    rows = table.slice(0, _CLUSTERS).to_pylist()
    wanted = {row["id"] for row in rows}
    typical = _typical(store, wanted)
    shown = [
        (
            f"{row['id']}  {row['name']}  {counted(row['images'], 'image')}",
            typical.get(row["id"], []),
        )
        for row in rows
    ]
    sheets.draw(
        store,
        path,
        title=f"{len(table):,} clusters"
        + (f", the {len(rows)} largest" if len(table) > len(rows) else ""),
        subtitle="The images nearest to each cluster's centre, the nearest "
        "first.",
        rows=shown,
    )


def _typical(store, wanted):
    """dict of cluster -> ids of its images of the smallest distances."""
    best = {cluster: [] for cluster in wanted}
    for batch in store.scan(["id", "cluster", "distance"]):
        cluster = batch.column("cluster").fill_null(-1).to_numpy()
        distance = batch.column("distance").to_numpy(zero_copy_only=False)
        names = batch.column("id")
        order = np.lexsort([distance, cluster])
        first = np.r_[True, cluster[order][1:] != cluster[order][:-1]]
        place = np.arange(len(order))
        place -= np.maximum.accumulate(np.where(first, place, 0))
        for row in order[place < _OF_A_CLUSTER]:
            if cluster[row] in best:
                best[cluster[row]].append(
                    (float(distance[row]), names[int(row)].as_py())
                )
        for cluster, rows in best.items():
            best[cluster] = sorted(rows)[:_OF_A_CLUSTER]
    return {key: [name for _, name in rows] for key, rows in best.items()}


def _draw_k(path, choice):
    """How well fits agree, by the number of clusters."""
    page = Page(7, 3.6)
    page.text(0.4, 0.25, f"Stability of {choice.k} clusters", bold=True)
    words = "Adjusted Rand index of fits from several seeds; bars: its spread"
    page.text(0.4, 0.5, words, color=MUTED)
    axes = page.axes(0.7, 0.85, 5.9, 2.2)
    k = [one.k for one in choice.stabilities]
    axes.errorbar(
        k,
        [one.mean for one in choice.stabilities],
        [one.spread for one in choice.stabilities],
        color=BLUE,
        marker="o",
        markersize=3,
        linewidth=1,
    )
    axes.axvline(choice.k, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    ticks = k[:: max(1, len(k) // 10)]
    axes.set_xticks(ticks, [f"{one:,}" for one in ticks], minor=False)
    axes.set_xticks([], minor=True)
    page.save(path)


def _joined(ids):
    return " ".join(str(one) for one in ids)
