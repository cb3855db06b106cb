"""The views of a batch, from encoded bytes to uint8, in threads of our own.

Of a part of the batch at a time: the bytes are read, the headers tell the
sizes, the boxes are drawn all at once, and each image is decoded and cut. The
work is in C (libjpeg-turbo, OpenCV, NumPy), which lets go of the interpreter.

Shapes: n = images, v = views of each, s = side of a view.
"""

import concurrent.futures
import functools

import numpy as np

from simclr.data.images import center_crop
from simclr.data.views.boxes import crop_boxes
from simclr.data.views.crop import cut
from simclr.executors import cpus

# Images whose boxes are drawn together by one thread.
PART = 64
# A part is shorter where more bytes of images would be in hand.
_PART_BYTES = 32 << 20
# A view is cut out of at least so many times its side: what libjpeg reduces is
# smoother than what the published resize, which only skips pixels, makes of it.
_ENOUGH = 2
# Smaller views of decoded images are the work of one thread: several would wait
# for each other's interpreter (CIFAR-10 on two cores: half the CPU time and two
# thirds of the seconds).
SEVERAL_THREADS = 64


def load_views(
    reader, index, crop_seeds, flips, *, size, areas, flip_probs, rooms
):
    """Decodes images and cuts their views.

    Args:
        reader: Reader of the source.
        index: int [n], which images.
        crop_seeds: int32 [n, v, 2], a seed for each view's box.
        flips: float32 [n, v] in [0, 1).
        size: s, pixels.
        areas: v of (smallest, largest) share of the image's area; None: no
            random crop, but what evaluation sees (center_crop.py).
        flip_probs: v numbers; a view is mirrored where its flip is below.
        rooms: Rooms, whose arrays the views are.

    Returns:
        views: list of v arrays, uint8 [n, s, s, 3].
        found: int64 [n], the images that were loaded: others where those of
            `index` cannot be read.

    Raises:
        InputError: a hundred images in a row are unreadable.
    """
    num, num_views = flips.shape
    shape = num, size, size, 3
    views = [rooms.take(shape, np.uint8) for _ in range(num_views)]
    found = np.empty([num], np.int64)
    mirrored = flips < np.asarray(flip_probs, np.float32)

    def fill(start):
        rows = iter(range(start, min(start + PART, num)))
        while part := _open(reader, index, rows):
            _cut(reader, part, index, crop_seeds, mirrored, views, found, areas)

    alone = size < SEVERAL_THREADS and _needs_no_decode(reader, index[0], size)
    each_part(fill, num, alone=alone)
    return views, found


def each_part(work, num, *, alone):
    """Does work(start) for the rows from start on, PART of num, in threads.

    Args:
        work: function of an int.
        num: how many rows there are.
        alone: bool, in one thread of them.
    """
    threads = 1 if alone else cpus.count()
    list(_pool(threads).map(work, range(0, num, PART)))


def _needs_no_decode(reader, index, size):
    """Whether an image lies in memory, as its views take it."""
    image = reader.in_memory(index)
    if image is None:
        return False
    return not image.was_jpeg or min(image.shape) < 2 * _ENOUGH * size


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


def _cut(reader, part, index, crop_seeds, mirrored, views, found, areas):
    """Fills the rows of a part."""
    size = views[0].shape[1]
    shapes = [picture.shape for _, picture, _ in part]
    rows = [row for row, _, _ in part]
    boxes = _boxes(shapes, crop_seeds[rows], areas, size).tolist()
    space = np.empty(3 * max(height * width for height, width in shapes), "B")
    for (row, picture, at), box in zip(part, boxes):
        image = _decoded(reader, picture, at, box, size, space)
        while image is None:
            picture, at = reader.open(index[row])
            one = _boxes([picture.shape], crop_seeds[[row]], areas, size)
            [box] = one.tolist()
            image = _decoded(reader, picture, at, box, size, space)
        found[row] = at
        for view, out in enumerate(views):
            cut(
                image,
                box[view],
                out[row],
                shape=picture.shape,
                mirrored=mirrored[row, view],
            )


def _boxes(shapes, seeds, areas, size):
    """Where the views lie: int32 [k, v, 4] of k images."""
    boxes = np.empty([len(shapes), len(areas), 4], np.int32)
    for area in dict.fromkeys(areas):  # Views of one area are drawn together.
        of_area = [view for view, other in enumerate(areas) if other == area]
        if area is None:
            still = [center_crop.seen(*shape, size) for shape in shapes]
            boxes[:, of_area] = np.array(still)[:, None]
            continue
        drawn = crop_boxes(
            np.repeat(shapes, len(of_area), axis=0),
            seeds[:, of_area].reshape(-1, 2),
            area,
        )
        boxes[:, of_area] = drawn.reshape(len(shapes), -1, 4)
    return boxes


def _decoded(reader, picture, at, box, size, space):
    """As much of an image as its boxes need; None: it is unreadable."""
    most = min(min(side[2:]) for side in box) // (_ENOUGH * size)
    return reader.pixels(
        picture,
        at,
        divisor=1 if most < 2 else 1 << (min(most, 8).bit_length() - 1),
        room=space,
        rows=max(top + height for top, _, height, _ in box),
    )


def batches_at_once(n):
    """How many batches of n images keep all threads at work."""
    return 1 + -(-cpus.count() * PART // n)


@functools.cache
def _pool(threads):
    return concurrent.futures.ThreadPoolExecutor(
        threads, thread_name_prefix="views"
    )
