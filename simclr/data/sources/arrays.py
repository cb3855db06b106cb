"""Images that are in memory already, where a Reader is expected."""

import numpy as np

from simclr.data.source import Source
from simclr.messages.errors import InputError
from simclr.messages.hints import shown


class ArraySource(Source):
    """Decoded images; their ids are their numbers.

    Args:
        images: [n, h, w, 3], uint8 or float in [0, 1]; or n of [h, w, 3].

    Raises:
        InputError: they are something else, or there is none.
    """

    def __init__(self, images):
        super().__init__("the array of images")
        try:
            count = len(images)
        except TypeError:
            raise InputError(
                f"Images are a path or an array of them, got {shown(images)}."
            ) from None
        if count == 0:
            raise InputError("The array of images is empty.")
        for image in images:
            _require_image(np.asarray(image))
        self.images = images

    def __len__(self):
        return len(self.images)

    def id(self, index):
        """The image's number, a str."""
        return str(int(index))


class ArrayReader:
    """Reader of an ArraySource: there is nothing to decode.

    Attributes:
        source: ArraySource.
        bad: dict, empty: all images can be read.
    """

    def __init__(self, images):
        self.source = ArraySource(images)
        self.bad = {}

    def load(self, index):
        """(image, False): nothing is replaced."""
        return np.asarray(self.source.images[int(index)]), False


def _require_image(image):
    if image.ndim != 3 or image.shape[-1] != 3:
        raise InputError(
            f"An image has the shape {image.shape}; images are [h, w, 3], "
            "several of them [n, h, w, 3]."
        )
    if image.size == 0:
        raise InputError(f"An image of the shape {image.shape} has no pixel.")
    if image.dtype == np.uint8:
        return
    if not np.issubdtype(image.dtype, np.floating):
        raise InputError(
            f"Images are of {image.dtype}; they are uint8, or float in [0, 1]."
        )
    if not (image.min() >= 0 and image.max() <= 1):
        raise InputError(
            f"A float image has values from {image.min():g} to "
            f"{image.max():g}; they lie in [0, 1]. Or give uint8."
        )
