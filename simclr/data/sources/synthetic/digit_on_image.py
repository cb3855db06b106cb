"""DigitOnImage: a digit at nine places over a photo (arXiv 2011.02803).

The published notebook's places, its maximum, and its first N digits of MNIST:
the fewer digits there are, the less they tell images apart.
"""

import numpy as np
from PIL import Image

from simclr.data.images.decode import decode
from simclr.data.sources.synthetic.canvas import Canvas, Digits, lay, resized
from simclr.data.sources.synthetic.draws import below
from simclr.messages.errors import InputError

PLACES = (0.15, 0.45, 0.75)  # Of the side, downwards and to the right.
DIGIT, IMAGE = "digit", "image"


class DigitOnImage(Canvas):
    """The images of a source, each with one digit laid on it nine times.

    Args:
        name: str, the whole words.
        digits: Source of the digits.
        images: Source of what lies behind them.
        unique: N, the first so many digits; 0: all.
        label: whose class is the image's, "digit" or "image".
        size: s, side of an image, pixels; the whole of one behind is resized
            to it, as published.
        side: w, side of a digit, pixels.
        seed: int.

    Raises:
        InputError: the digits would meet or leave the image, another label, or
            images without labels for label=image.
    """

    def __init__(
        self,
        name,
        *,
        digits,
        images,
        unique: int = 0,
        label: str = DIGIT,
        size: int = 224,
        side: int = 28,
        seed: int = 0,
    ):
        if label not in (DIGIT, IMAGE):
            raise InputError(
                f"{name}: label is {DIGIT} or {IMAGE}, not {label!r}."
            )
        if unique < 0 or side < 1 or int(PLACES[-1] * size) + side > size:
            raise InputError(
                f"{name}: digits of side={side} pixels do not fit nine times "
                f"in size={size}."
            )
        self._digits = Digits(digits, unique)
        self._images = images
        super().__init__(
            "digit_on_image",
            name,
            len(images),
            (self._digits.facts, images.fingerprint(), size, side, seed),
        )
        self._size, self._side = size, side
        self._drawn = below(len(self._digits), seed, np.arange(len(images)), 0)
        if label == DIGIT:
            self.labels = self._digits.labels[self._drawn]
            self.class_names = self._digits.class_names
        else:
            self.labels, self.class_names = images.labels, images.class_names
        if self.labels is None:
            raise InputError(f"{images.name} has no labels for label=image.")

    def image(self, index):
        data = self._images.read(index)
        behind = Image.fromarray(decode(data, self._images.bit_depth))
        canvas = np.array(resized(behind, self._size))
        digit = self._digits.image(self._drawn[index], self._side)
        for down in PLACES:
            for right in PLACES:
                place = int(down * self._size), int(right * self._size)
                lay(canvas, digit, place)
        return canvas
