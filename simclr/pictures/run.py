"""The pictures of an evaluated run: what was measured, in two files."""

import os

import numpy as np

from simclr.evaluation import knn
from simclr.pictures import sheets
from simclr.pictures.summary import summary_picture

_QUERIES = 6  # Rows on the sheet of neighbours.
_NEIGHBOURS = 8


def draw(
    workdir, out, suffix, config, *, part, h, rows, views, history, imported
):
    """Draws summary.png and neighbours.png.

    Args:
        workdir: the run folder, whose name is the title.
        out: folder for the pictures.
        suffix: str before ".png" in the files' names.
        config: the Config.
        part: split.Part whose neighbours are shown.
        h: [m, f] features of its images.
        rows: dicts of results, the trained encoder's last.
        views: (first views, second views), [n, s, s, 3] each.
        history: rows of metrics.jsonl.
        imported: what run.json says of imported weights, or None.

    Returns:
        Path of the summary.
    """
    neighbours = _neighbours(part, h, config.seed)
    sheets.neighbours_sheet(
        path=os.path.join(out, f"neighbours{suffix}.png"), **neighbours
    )
    model = config.model
    method = f"SimCLR on {config.data.source}"
    training = f"batch {config.batch_size}, {config.epochs:g} epochs"
    if imported:
        method = "imported weights"
        training = f"from {imported['path']}"
    path = os.path.join(out, f"summary{suffix}.png")
    summary_picture(
        path,
        title=f"{os.path.basename(os.path.normpath(workdir))}: {method}",
        subtitle=f"ResNet-{model.depth} x{model.width:g}, "
        f"{config.data.image_size} pixels, {training}",
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
