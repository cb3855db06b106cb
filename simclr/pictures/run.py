"""The pictures of an evaluated run: what was measured, in two files."""

import os

import numpy as np

from simclr.evaluation import knn
from simclr.pictures import sheets
from simclr.pictures.summary import summary_picture

_QUERIES = 6  # Rows on the sheet of neighbours.
_NEIGHBOURS = 8


def draw(out, suffix, *, title, subtitle, part, h, rows, views, history, seed):
    """Draws summary.png and neighbours.png.

    Args:
        out: folder for the pictures.
        suffix: str before ".png" in the files' names.
        title, subtitle: a line each.
        part: split.Part whose neighbours are shown.
        h: [m, f] features of its images.
        rows: dicts of results, the trained encoder's last.
        views: (first views, second views), [n, s, s, 3] each.
        history: rows of metrics.jsonl.
        seed: int, chooses the images whose neighbours are shown.

    Returns:
        Path of the summary.
    """
    neighbours = _neighbours(part, h, seed)
    sheets.neighbours_sheet(
        path=os.path.join(out, f"neighbours{suffix}.png"), **neighbours
    )
    path = os.path.join(out, f"summary{suffix}.png")
    summary_picture(
        path,
        title=title,
        subtitle=subtitle,
        metrics_rows=history,
        view1=views[0],
        view2=views[1],
        results=rows[::-1],
        neighbours=neighbours,
    )
    return path


def _neighbours(part, h, seed):
    """Arguments of a sheet of neighbours; one query a class first, if known."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(h))
    if part.labels is not None:
        first = rng.permutation(
            np.unique(part.labels[order], return_index=True)[1]
        )
        order = np.concatenate([order[first], np.delete(order, first)])
    queries = order[:_QUERIES]
    index, similarity = knn.neighbours(h, queries, _NEIGHBOURS)
    shown = {int(i) for i in np.concatenate([queries, index.ravel()])}
    return {
        "images": {i: part.reader.load(part.rows[i])[0] for i in shown},
        "query_idx": queries,
        "neighbour_idx": index,
        "similarities": similarity,
        "labels": part.labels,
        "class_names": part.reader.source.class_names,
    }
