"""All images of a source as one array, for a device that decodes nothing."""

import concurrent.futures
import dataclasses

import numpy as np
from PIL import Image

from simclr.data.images.center_crop import seen
from simclr.messages.progress import progress_bar
from simclr.storage.whole import whole_path

# Images whose sizes tell how large the others are.
_SAMPLE = 256


@dataclasses.dataclass(frozen=True)
class Rows:
    """What belongs to the stored images, a row each.

    Attributes:
        extents: int32 [m, 2], height and width, in the upper left corner.
        boxes: int32 [m, 4], the part that evaluation sees (center_crop.seen).
        label: int32 [m], -1 for none.
        replaced: int32 [m], 1 where another image stands for an unreadable one.
    """

    extents: np.ndarray
    boxes: np.ndarray
    label: np.ndarray
    replaced: np.ndarray


def side_of(reader, at_most):
    """The side that holds a source's images, as far as a sample tells.

    Args:
        reader: Reader of the source.
        at_most: int, pixels; larger images will be reduced.

    Returns:
        int, pixels.
    """
    rows = np.linspace(0, len(reader.source) - 1, _SAMPLE).astype(int)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        images = threads.map(reader.load_labelled, np.unique(rows))
        largest = max(max(image.shape[:2]) for image, _, _ in images)
    return min(largest, at_most)


def store(reader, path, *, side, view):
    """Decodes every image into one .npy file.

    Images that are larger are reduced to fit, their shape kept; smaller ones
    stay as they are.

    Args:
        reader: Reader of the source.
        path: .npy file to write, uint8 [m, side, side, 3].
        side: pixels.
        view: side of an evaluation's view, pixels.

    Returns:
        Rows.

    Raises:
        InputError: a hundred images in a row are unreadable.
    """
    num = len(reader.source)
    with whole_path(path) as unfinished:
        return _fill(reader, unfinished, num, side, view)


def _fill(reader, path, num, side, view):
    """Writes the images to `path`; returns Rows."""
    images = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(num, side, side, 3)
    )
    rows = Rows(
        extents=np.zeros([num, 2], np.int32),
        boxes=np.zeros([num, 4], np.int32),
        label=np.zeros([num], np.int32),
        replaced=np.zeros([num], np.int32),
    )

    def fill(row):
        image, label, found = reader.load_labelled(row)
        image = _fitting(image, side)
        height, width = image.shape[:2]
        images[row, :height, :width] = image
        rows.extents[row] = height, width
        rows.boxes[row] = seen(height, width, view)
        rows.label[row] = label
        rows.replaced[row] = found != row

    with concurrent.futures.ThreadPoolExecutor() as threads:
        done = threads.map(fill, range(num))
        for _ in progress_bar(done, desc="Storing", total=num, unit="img"):
            pass
    images.flush()
    return rows


def _fitting(image, side):
    """An image, reduced to fit where it is larger than `side`."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(reduced)
