"""The views of a batch, from encoded bytes to uint8, in threads of our own.

Of a part of the batch at a time: the bytes are read, the headers tell the
sizes, the boxes are drawn all at once, and each image is decoded and cut. The
work is in C (libjpeg-turbo, OpenCV, NumPy), which lets go of the interpreter.

Shapes: n = images, v = views of each, s = side of a view.
"""

import concurrent.futures
import functools
import os

import numpy as np

from simclr.data.views.boxes import crop_boxes
from simclr.data.views.crop import cut

FLIP_PROB = 0.5
# Images whose boxes are drawn together by one thread.
PART = 64
# A part is shorter where more bytes of images would be in hand.
_PART_BYTES = 32 << 20
# A view is cut out of at least so many times its side: what libjpeg reduces is
# smoother than what the published resize, which only skips pixels, makes of it.
_ENOUGH = 2


def load_views(reader, index, crop_seeds, flips, *, size, area):
    """Decodes images and cuts their views.

    Args:
        reader: Reader of the source.
        index: int [n], which images.
        crop_seeds: int32 [n, v, 2], a seed for each view's box.
        flips: float32 [n, v] in [0, 1); below a half the view is mirrored.
        size: s, pixels.
        area: smallest and largest share of the image's area.

    Returns:
        views: list of v arrays, uint8 [n, s, s, 3].
        found: int64 [n], the images that were loaded: others where those of
            `index` cannot be read.

    Raises:
        InputError: a hundred images in a row are unreadable.
    """
    num, num_views = flips.shape
    views = [_room((num, size, size, 3)) for _ in range(num_views)]
    found = np.empty([num], np.int64)

    def fill(start):
        rows = iter(range(start, min(start + PART, num)))
        while part := _open(reader, index, rows):
            _cut(reader, part, index, crop_seeds, flips, views, found, area)

    list(_threads().map(fill, range(0, num, PART)))
    return views, found


def _open(reader, index, rows):
    """The next rows and what is known of their images, while they are small."""
    part, num_bytes = [], 0
    for row in rows:
        picture, found = reader.open(index[row])
        part.append((row, picture, found))
        num_bytes += picture.num_bytes
        if num_bytes > _PART_BYTES:
            break
    return part


def _cut(reader, part, index, crop_seeds, flips, views, found, area):
    """Fills the rows of a part."""
    size, num_views = views[0].shape[1], len(views)
    shapes = [picture.shape for _, picture, _ in part]
    seeds = [crop_seeds[row] for row, _, _ in part]
    boxes = crop_boxes(
        np.repeat(shapes, num_views, axis=0), np.concatenate(seeds), area
    ).reshape(len(part), num_views, 4)
    smallest = boxes[..., 2:].min(axis=(1, 2)).tolist()
    room = np.empty(3 * max(height * width for height, width in shapes), "B")
    for (row, picture, at), box, side in zip(part, boxes.tolist(), smallest):
        image = reader.pixels(
            picture, at, divisor=_divisor(side, size), room=room
        )
        if image is None:
            image, _, at = reader.load_labelled(index[row])
            shape = image.shape[:2]
            box = crop_boxes([shape] * num_views, crop_seeds[row], area)
        else:
            shape = picture.shape
        found[row] = at
        for view in range(num_views):
            cut(
                image,
                box[view],
                views[view][row],
                shape=shape,
                mirrored=flips[row, view] < FLIP_PROB,
            )


def _divisor(side, size):
    """What a decode may reduce by, where the shortest side cut is `side`."""
    most = side // (_ENOUGH * size)
    return 1 if most < 2 else 1 << (min(most, 8).bit_length() - 1)


def _room(shape):
    """An uint8 array that TensorFlow takes as it is, without a copy."""
    count = int(np.prod(shape))
    memory = np.empty(count + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + count].reshape(shape)


def batches_at_once(n):
    """How many batches of n images keep all threads at work."""
    return 1 + -(-os.cpu_count() * PART // n)


@functools.cache
def _threads():
    return concurrent.futures.ThreadPoolExecutor(
        os.cpu_count(), thread_name_prefix="views"
    )
