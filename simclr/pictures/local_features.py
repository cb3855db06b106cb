"""Photos, and over each the cluster of the vector at each of its places."""

import numpy as np

from simclr.pictures.page import (
    BODY,
    HEADING,
    MUTED,
    SMALL,
    TITLE,
    Page,
    shorten,
)

# Inches.
_MARGIN, _TOP, _SIDE, _GAP = 0.4, 1.75, 0.95, 0.06
_PHOTO = 0.35  # Weight of the photo under its colours.
_COLOURS = "tab20"


def draw(path, *, photos, maps):
    """Draws a row for each photo: it, then each part of each net.

    Args:
        path: of the PNG.
        photos: float [n, s, s, 3] in [0, 1].
        maps: dict of (net, part) -> int [n, h, w], the cluster at a place.
    """
    step = _SIDE + _GAP
    nets = list(dict.fromkeys(net for net, _ in maps))
    columns = {
        key: 1 + i + 0.3 * nets.index(key[0]) for i, key in enumerate(maps)
    }
    width = 2 * _MARGIN + step * (max(columns.values(), default=0) + 1.3)
    page = Page(max(width, 7), _TOP + step * len(photos) + _MARGIN)
    page.text(_MARGIN, 0.35, "Local features", size=TITLE, bold=True)
    page.text(
        _MARGIN,
        0.8,
        "one colour a cluster of the vectors at all places of all photos",
        size=BODY,
        color=MUTED,
    )
    for key, column in columns.items():
        left = _MARGIN + step * (column + 0.3)
        if key[1] == next(part for net, part in maps if net == key[0]):
            page.text(left, 1.2, shorten(key[0], 40), size=HEADING, bold=True)
        page.text(left, 1.5, key[1], size=SMALL, color=MUTED)
    for i, photo in enumerate(photos):
        top = _TOP + step * i
        page.image(_MARGIN, top, _SIDE, photo)
        for key, column in columns.items():
            coloured = _over(photo, maps[key][i])
            left = _MARGIN + step * (column + 0.3)
            page.image(left, top, _SIDE, coloured)
    page.save(path)


def _over(photo, labels):
    """The colours of places [h, w] over a photo [s, s, 3]."""
    import matplotlib

    colours = np.array(matplotlib.colormaps[_COLOURS].colors)
    side = len(photo)
    rows, columns = (np.arange(side) * n // side for n in labels.shape)
    flat = colours[labels[rows][:, columns] % len(colours)]
    return _PHOTO * photo + (1 - _PHOTO) * flat
