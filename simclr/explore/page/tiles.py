"""Images in tiles: a map that is drawn as far as one looks.

A tile has at most so many images, drawn from all in its square. What is left
lies in its four quarters, each a tile again. So the first tiles show the
density of the whole, and few tiles are in view however near one is.

Letters: n = images.
"""

import dataclasses

import numpy as np

MOST = 2048  # Images of a tile.
_DEEPEST = 14  # Quarters of quarters; below, images lie on the same spot.


@dataclasses.dataclass
class Tile:
    """Images in one square.

    Attributes:
        start: int, its first row, of the rows in order.
        count: int, its rows.
        box: tuple of 4 float: left, top, right, bottom in [0, 1].
        children: list of int, which tiles are its quarters.
    """

    start: int
    count: int
    box: tuple
    children: list


def split(place, *, most=MOST, seed=0):
    """Puts images into tiles.

    Args:
        place: float32 [n, 2] in [0, 1].
        most: images of a tile.
        seed: int, draws which images a tile shows.

    Returns:
        (int64 [n], the rows tile by tile; list of Tile, the whole first, a
        tile before its quarters).
    """
    rows = np.random.default_rng(seed).permutation(len(place))
    order, tiles, start = [], [], 0
    waiting = [(rows, (0.0, 0.0, 1.0, 1.0), 0, None)]
    for rows, box, depth, parent in waiting:  # It grows: breadth first.
        if parent is not None:
            tiles[parent].children.append(len(tiles))
        shown, rest = rows[:most], rows[most:]
        tile = Tile(start, len(shown), box, [])
        order.append(shown)
        start += len(shown)
        for quarter, inner in _quarters(place, rest, box, depth):
            waiting.append((quarter, inner, depth + 1, len(tiles)))
        tiles.append(tile)
    return np.concatenate(order), tiles


def _quarters(place, rows, box, depth):
    """Yields (rows, box) of the quarters that are not empty."""
    if len(rows) == 0:
        return
    if depth >= _DEEPEST:
        yield rows, box
        return
    left, top, right, bottom = box
    middle = (left + right) / 2, (top + bottom) / 2
    side = place[rows] >= np.array(middle, np.float32)  # [n, 2]
    for down, y0, y1 in ((0, top, middle[1]), (1, middle[1], bottom)):
        for across, x0, x1 in ((0, left, middle[0]), (1, middle[0], right)):
            inside = (side[:, 0] == across) & (side[:, 1] == down)
            if inside.any():
                yield rows[inside], (x0, y0, x1, y1)
