"""Thumbnails of a tile in one picture.

Letters: n = images, h w = a thumbnail's height and width.
"""

import cv2
import numpy as np

SIDE = 48  # Pixels of a cell; whole blocks of JPEG, so that none mix.
COLUMNS = 64  # Cells beside each other.
_QUALITY = 70  # A thumbnail is a JPEG itself, and 10,000 fit in 15 MB.


def sheet(store, numbers):
    """Puts the thumbnails of images into one picture, row by row.

    Args:
        store: Store.
        numbers: int64 [n], rows of its table.

    Returns:
        (bytes of a JPEG, None where no image has a thumbnail; uint8 [n, 2]:
        width and height of each thumbnail in its cell; 0 where there is none).
    """
    n = len(numbers)
    sizes = np.zeros([n, 2], np.uint8)
    cells = store.table.take(numbers, columns=["thumbnail"])["thumbnail"]
    if cells.null_count == n:
        return None, sizes
    lines = -(-n // COLUMNS)
    picture = np.zeros([lines * SIDE, min(n, COLUMNS) * SIDE, 3], np.uint8)
    for i, data in enumerate(cells.to_pylist()):
        image = _decoded(data)
        if image is None:
            continue
        h, w = image.shape[:2]
        sizes[i] = w, h
        y, x = i // COLUMNS * SIDE, i % COLUMNS * SIDE
        # The edge goes on: a hard one would ring into the image.
        picture[y : y + SIDE, x : x + SIDE] = cv2.copyMakeBorder(
            image, 0, SIDE - h, 0, SIDE - w, cv2.BORDER_REPLICATE
        )
    _, data = cv2.imencode(
        ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return data.tobytes(), sizes


def _decoded(data):
    """uint8 [h, w, 3], at most a cell; None: no picture."""
    if not data:
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return None
    return image[:SIDE, :SIDE]
