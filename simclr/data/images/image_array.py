"""All images of a source as one array, for a device that decodes nothing."""

import concurrent.futures
import dataclasses

import numpy as np
from PIL import Image

from simclr.data.images.center_crop import seen
from simclr.executors import cpus
from simclr.messages.progress import progress_bar
from simclr.storage import array_file
from simclr.storage.whole import whole_path

# Images whose sizes tell how large the others are.
_SAMPLE = 256
# A stored image's side, at most, to a view's: crops are seldom the whole image.
_LARGER = 1.5


@dataclasses.dataclass(frozen=True)
class Rows:
    """What belongs to the stored images, a row each.

    Attributes:
        extents: int32 [m, 2], height and width, in the upper left corner.
        boxes: int32 [m, 4], the part that evaluation sees (center_crop.seen).
        label: int32 [m], -1 for none.
        replaced: int32 [m], 1 where another image stands for an unreadable one.
        found: int32 [m], the image that was stored.
        reduced: bool [m], it was larger.
    """

    extents: np.ndarray
    boxes: np.ndarray
    label: np.ndarray
    replaced: np.ndarray
    found: np.ndarray
    reduced: np.ndarray

    @classmethod
    def of(cls, num):
        """Rows of so many images, to be filled."""
        return cls(
            extents=np.zeros([num, 2], np.int32),
            boxes=np.zeros([num, 4], np.int32),
            label=np.zeros([num], np.int32),
            replaced=np.zeros([num], np.int32),
            found=np.zeros([num], np.int32),
            reduced=np.zeros([num], bool),
        )


def side_for(reader, view):
    """The side to store a source's images at, where nobody says one.

    Args:
        reader: Reader of the source.
        view: side of a training view, pixels.

    Returns:
        side: int, pixels: the largest image's, as far as a sample tells, up to
            one and a half times a view's.
        whole: bool, no image of the sample is reduced to it.
    """
    rows = np.linspace(0, len(reader.source) - 1, _SAMPLE).astype(int)
    with concurrent.futures.ThreadPoolExecutor(cpus.count()) as threads:
        opened = threads.map(reader.open, np.unique(rows))
        largest = max(max(picture.shape) for picture, _ in opened)
    most = round(_LARGER * view)
    return min(largest, most), largest <= most


def load(reader, *, side, view):
    """Decodes every image into memory.

    Images that are larger are reduced to fit, their shape kept; smaller ones
    stay as they are.

    Args:
        reader: Reader of the source.
        side: pixels.
        view: side of an evaluation's view, pixels.

    Returns:
        images: uint8 [m, side, side, 3].
        rows: Rows.

    Raises:
        InputError: a hundred images in a row are unreadable.
    """
    num = len(reader.source)
    images = np.zeros([num, side, side, 3], np.uint8)
    return images, _fill(reader, images, view)


def store(reader, path, *, side, view):
    """`load` into one .npy file.

    Args:
        path: .npy file to write.
        reader, side, view: as in `load`.

    Returns:
        Rows.

    Raises:
        InputError: as for `load`.
    """
    with whole_path(path) as unfinished:
        shape = len(reader.source), side, side, 3
        images = array_file.create(unfinished, np.uint8, shape)
        rows = _fill(reader, images, view)
        images.flush()
    return rows


def _fill(reader, images, view):
    """Puts every image into uint8 [m, side, side, 3]; returns Rows."""
    num, side = images.shape[:2]
    rows = Rows.of(num)

    def fill(row):
        image, label, found = reader.load_labelled(row)
        rows.reduced[row] = max(image.shape[:2]) > side
        image = _fitting(image, side)
        height, width = image.shape[:2]
        images[row, :height, :width] = image
        rows.extents[row] = height, width
        rows.boxes[row] = seen(height, width, view)
        rows.label[row] = label
        rows.replaced[row] = found != row
        rows.found[row] = found

    with concurrent.futures.ThreadPoolExecutor(cpus.count()) as threads:
        done = threads.map(fill, range(num))
        for _ in progress_bar(done, desc="Storing", total=num, unit="img"):
            pass
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
