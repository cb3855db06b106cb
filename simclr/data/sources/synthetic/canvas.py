"""Images that are drawn, and the digits that are drawn on them.

Letters: s side of an image, pixels; w side of a digit.
"""

import hashlib
import io

import numpy as np
from PIL import Image

from simclr.data.images.decode import decode
from simclr.data.source import Source
from simclr.messages.errors import InputError


class Canvas(Source):
    """A source whose images are drawn by `image`.

    Args:
        kind: str, what its ids begin with.
        name: str, the whole words.
        count: number of images.
        facts: what the images depend on beside their index, any values.
    """

    def __init__(self, kind, name, count, facts):
        super().__init__(name)
        self._kind, self._count = kind, count
        text = repr((kind, count, facts)).encode()
        self._facts = hashlib.blake2b(text, digest_size=8).hexdigest()

    def __len__(self):
        return self._count

    def id(self, index):
        return f"{self._kind}/{index:06d}"

    def fingerprint(self):
        """Of all that the images are made by: their ids do not tell."""
        return self._facts

    def image(self, index):
        """uint8 [s, s, 3], a pure function of the seed and `index`."""
        raise NotImplementedError

    def read(self, index):
        data = io.BytesIO()
        # No compression: PNG's takes longer than all the drawing.
        Image.fromarray(self.image(int(index))).save(data, "BMP")
        return data.getvalue()


class Digits:
    """Grey squares with classes: MNIST's digits, or others like them.

    Args:
        source: Source with labels.
        unique: only so many, the first; 0: all.

    Raises:
        InputError: it has no labels, or fewer.
    """

    def __init__(self, source, unique=0):
        if source.labels is None:
            raise InputError(f"{source.unlabelled()}, and digits have some.")
        if unique > len(source):
            raise InputError(
                f"unique={unique} digits of {source.name}, which has "
                f"{len(source):,}."
            )
        self._source, self._count = source, unique or len(source)
        self.labels, self.class_names = source.labels, source.class_names
        self.facts = (source.fingerprint(), self._count)
        self._decoded = {}  # MNIST's 60,000 are 47 MB.

    def __len__(self):
        return self._count

    def image(self, index, side):
        """uint8 [w, w], the digit of an index at a side of w pixels."""
        index = int(index)
        if index not in self._decoded:
            data = self._source.read(index)
            pixels = Image.fromarray(decode(data, self._source.bit_depth))
            self._decoded[index] = np.asarray(pixels.convert("L"))
        digit = self._decoded[index]
        if digit.shape == (side, side):
            return digit
        return resized(Image.fromarray(digit), side)


def resized(image, side):
    """An image as a square, averaged where it is reduced.

    Args:
        image: one of Pillow's.
        side: pixels.

    Returns:
        uint8 [side, side] or [side, side, 3]. Pillow computes in whole
        numbers: the same on every processor.
    """
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image)


def lay(canvas, digit, place):
    """Lays a digit on an image in place: the brighter pixel counts.

    Args:
        canvas: uint8 [s, s] or [s, s, 3].
        digit: uint8 [w, w].
        place: (row, column) of its upper left corner.
    """
    (y, x), side = place, len(digit)
    part = canvas[y : y + side, x : x + side]
    if canvas.ndim == 3:
        digit = digit[..., None]
    np.maximum(part, digit, out=part)
