"""What crops lose where the images are stored smaller than they were.

A crop that has fewer pixels than the view made of it is enlarged: it has no
detail left to show. The smaller the stored image, the more crops are.
"""

import dataclasses

import numpy as np

from simclr.data.images.reencode import stored_shape
from simclr.data.views.boxes import crop_boxes

# Of SimCLR's recipes: smallest and largest share of the image's area.
AREA = (0.08, 1.0)
# Boxes that are drawn of each image.
_BOXES = 4


@dataclasses.dataclass(frozen=True)
class CropLoss:
    """Of many crops, how many are enlarged, and how much.

    Attributes:
        crops: int, how many were drawn.
        enlarged: of them, from the stored images.
        enlarged_before: the same crops, from the images as they were.
        times: sum over `enlarged` of how many times the crop's side the view's
            is.
        times_before: the same, over `enlarged_before`.
    """

    crops: int = 0
    enlarged: int = 0
    enlarged_before: int = 0
    times: float = 0.0
    times_before: float = 0.0

    def __add__(self, other):
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other))
        return CropLoss(*(one + two for one, two in pairs))

    def in_words(self, image_size):
        """A line for people."""
        now = _enlarged(self.enlarged, self.times, self.crops)
        before = _enlarged(self.enlarged_before, self.times_before, self.crops)
        smallest, largest = AREA
        return (
            f"of {smallest:.0%} to {largest:.0%} of an image, to {image_size} "
            f"pixels: {now} (before: {before})"
        )


def crop_loss(shapes, index, *, side, image_size):
    """Draws crops of images, and of the same images stored smaller.

    Args:
        shapes: int [n, 2], height and width of the images, pixels.
        index: int [n], their numbers, which settle the crops.
        side: of the stored images, pixels.
        image_size: side of a view, pixels.

    Returns:
        CropLoss.
    """
    seeds = np.stack(
        np.broadcast_arrays(np.asarray(index)[:, None], np.arange(_BOXES)),
        axis=-1,
    ).reshape(-1, 2)
    shapes = np.repeat(np.asarray(shapes), _BOXES, axis=0)
    boxes = crop_boxes(shapes, seeds.astype(np.int32), AREA)[:, 2:]
    stored = [stored_shape(*shape, side) for shape in shapes.tolist()]
    smaller = np.array(stored).prod(axis=1) / shapes.prod(axis=1)
    before = image_size / np.sqrt(boxes.prod(axis=1))
    after = before / np.sqrt(smaller)
    return CropLoss(
        crops=len(boxes),
        enlarged=int((after > 1).sum()),
        enlarged_before=int((before > 1).sum()),
        times=float(after[after > 1].sum()),
        times_before=float(before[before > 1].sum()),
    )


def _enlarged(number, times, crops):
    """How many crops are enlarged, and how much on average, in words."""
    share = f"{number / crops:.0%} are enlarged"
    return f"{share}, {times / number:.2f} times" if number else share
