"""Pictures of a run, as PNG files: views, curves, nearest neighbours."""

import numpy as np

from simclr.pictures import curves
from simclr.pictures.page import (
    GREEN,
    HEADING,
    INK,
    MUTED,
    RED,
    RULE,
    SMALL,
    Page,
    shorten,
)

_MARGIN = 0.35
_GAP = 0.06  # Between images that belong together.
_NEIGHBOURS = 8
_CAPTION_WIDTH = 5.8  # Of the longest neighbours_caption.
_CHARACTERS = 17  # Small ones that fit an inch.


def views_sheet(view1, view2, path):
    """Pairs of augmented views, a pair side by side.

    Args:
        view1: [n, s, s, 3] first views; uint8, or float in [0, 1].
        view2: [n, s, s, 3] second views, rows in the same order.
        path: of the PNG.
    """
    columns = 1 if len(view1) <= 4 else 2 if len(view1) <= 12 else 4
    side = 1.0
    width, height = views_size(len(view1), columns, side)
    page = Page(width + 2 * _MARGIN, height + 0.95)
    page.text(_MARGIN, 0.3, "Two views of each image", size=HEADING, bold=True)
    draw_views(page, _MARGIN, 0.65, view1, view2, columns, side)
    page.save(path)


def views_size(count, columns, side):
    """(width, height) that draw_views takes, inches."""
    rows = -(-count // columns)
    width = columns * (2 * side + _GAP) + (columns - 1) * 4 * _GAP
    return width, rows * side + (rows - 1) * 2 * _GAP


def draw_views(page, x, y, view1, view2, columns, side):
    """Draws pairs row by row from (x, y) on."""
    for i, pair in enumerate(zip(view1, view2)):
        row, column = divmod(i, columns)
        left = x + column * (2 * side + 5 * _GAP)
        top = y + row * (side + 2 * _GAP)
        for j, view in enumerate(pair):
            page.image(left + j * (side + _GAP), top, side, view[..., :3])


def draw_curves(page, x, y, width, height, rows):
    """Draws the curves of loss and accuracies side by side into a box.

    Args:
        page: Page.
        x, y, width, height: the box, inches.
        rows: dicts as in metrics.jsonl: "step" and any of "epoch", "loss",
            "accuracy", "probe_accuracy", "knn", "untrained_knn",
            "raw_pixels_knn" (shares in [0, 1]).
    """
    names = 1.25  # Room for the names at the right ends of the lines.
    loss_width = 0.44 * (width - names)
    page.text(x, y, "Loss", size=HEADING, bold=True)
    axes = page.axes(x + 0.35, y + 0.4, loss_width - 0.7, height - 0.8)
    curves.draw_loss(axes, rows)
    page.text(x + loss_width + 0.1, y, "Accuracy", size=HEADING, bold=True)
    left = x + loss_width + 0.5
    axes = page.axes(left, y + 0.4, x + width - names - left, height - 0.8)
    curves.draw_accuracy(axes, rows)


def neighbours_sheet(
    images,
    query_idx,
    neighbour_idx,
    similarities,
    path,
    labels=None,
    class_names=None,
):
    """Query images and, to the right of each, those nearest to it.

    Args:
        images: images[i] is [h, w, 3], uint8 or float in [0, 1]: an array, a
            list, or a dict of those that are shown.
        query_idx: int [q].
        neighbour_idx: int [q, k], the most similar first; 8 are shown.
        similarities: float [q, k] cosines.
        path: of the PNG.
        labels: int, labels[i] is the class of image i, -1 where unknown; with
            them a frame is green for the query's class and red for another.
        class_names: names of the classes, or None.
    """
    side = 1.0
    width, height = neighbours_size(len(query_idx), neighbour_idx, side)
    page = Page(max(width, _CAPTION_WIDTH) + 2 * _MARGIN, height + 1.15)
    page.text(_MARGIN, 0.3, "Nearest neighbours", size=HEADING, bold=True)
    page.text(_MARGIN, 0.54, neighbours_caption(labels), color=MUTED)
    draw_neighbours(
        page,
        _MARGIN,
        0.9,
        side,
        images,
        query_idx,
        neighbour_idx,
        similarities,
        labels,
        class_names,
    )
    page.save(path)


def neighbours_caption(labels):
    """One sentence on how to read the sheet."""
    text = "Query left, most similar images right"
    if labels is None:
        return text + ", with their cosine similarity."
    return text + "; green: the query's class, red: another."


def neighbours_size(count, neighbour_idx, side):
    """(width, height) that draw_neighbours takes, inches."""
    shown = min(_NEIGHBOURS, np.shape(neighbour_idx)[1])
    return (1 + shown) * (side + _GAP) + 2 * _GAP, count * _row(side)


def _row(side):
    return side + 0.3  # With a line of text and some air.


def draw_neighbours(
    page,
    x,
    y,
    side,
    images,
    query_idx,
    neighbour_idx,
    similarities,
    labels=None,
    class_names=None,
):
    """Draws a row for each query from (x, y) on."""

    def label_of(i):
        return -1 if labels is None else int(labels[i])

    def draw(left, top, i, frame, similarity=None):
        page.image(left, top, side, images[i], frame)
        number = "" if similarity is None else f"{similarity:.2f}"
        below, room = top + side + 0.05, int(side * _CHARACTERS)
        name = _name(label_of(i), class_names)
        if name:
            if room < 12:  # Too narrow for both.
                number = ""
            name = shorten(name, room - len(number))
            page.text(left, below, name, size=SMALL)
        right = left + side if name else left + side / 2
        align = "right" if name else "center"
        page.text(right, below, number, size=SMALL, color=MUTED, align=align)

    for row, query in enumerate(query_idx):
        top = y + row * _row(side)
        draw(x, top, query, INK)
        start = x + side + 4 * _GAP
        page.bar(start - 2.5 * _GAP, top, 0.01, side, RULE)
        pairs = list(zip(neighbour_idx[row], similarities[row]))[:_NEIGHBOURS]
        for column, (i, similarity) in enumerate(pairs):
            frame = None
            if min(label_of(query), label_of(i)) >= 0:
                frame = GREEN if label_of(query) == label_of(i) else RED
            left = start + column * (side + _GAP)
            draw(left, top, i, frame, similarity)


def _name(label, class_names):
    if label < 0:
        return ""
    return class_names[label] if class_names else f"class {label}"
