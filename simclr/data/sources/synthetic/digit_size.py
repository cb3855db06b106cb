"""Two digits, one of 20 pixels, one of 20 to 80: which is learnt.

The modified MultiDigits of arXiv 2011.02803, Section 4.
"""

import numpy as np

from simclr.data.sources.synthetic.canvas import Canvas, Digits, lay
from simclr.data.sources.synthetic.draws import below
from simclr.messages.errors import InputError

SMALL, LARGE = "small", "large"
_MOST_TRIES = 1000


class DigitSize(Canvas):
    """Two digits of two sizes that do not meet.

    Args:
        name: str, the whole words.
        digits: Source of the digits.
        large: side of the one, pixels.
        small: side of the other, pixels.
        label: whose class is the image's, "small" or "large".
        count: number of images; 0: as many as there are digits.
        size: s, side of an image, pixels.
        seed: int.

    Raises:
        InputError: they do not fit in the image, or another label.
    """

    def __init__(
        self,
        name,
        *,
        digits,
        large: int = 20,
        small: int = 20,
        label: str = SMALL,
        count: int = 0,
        size: int = 112,
        seed: int = 0,
    ):
        if label not in (SMALL, LARGE):
            raise InputError(
                f"{name}: label is {SMALL} or {LARGE}, not {label!r}."
            )
        if small < 1 or large < 1 or small + large > size:
            raise InputError(
                f"{name}: digits of {small} and {large} pixels do not fit "
                f"beside each other in {size}."
            )
        self._digits = Digits(digits)
        count = count or len(self._digits)
        # The label is no part of the images.
        facts = (self._digits.facts, small, large, size, seed)
        super().__init__("digit_size", name, count, facts)
        self._sides, self._size, self._seed = (small, large), size, seed
        self._drawn = below(  # [count, 2]: the small one's, the large one's.
            len(self._digits), seed, np.arange(count)[:, None], np.arange(2)
        )
        column = (SMALL, LARGE).index(label)
        self.labels = self._digits.labels[self._drawn[:, column]]
        self.class_names = self._digits.class_names

    def places(self, index):
        """int64 [2, 2], corners of the small and of the large digit."""
        free = self._size - np.array(self._sides)[:, None] + 1  # [2, 1]
        for attempt in range(1, _MOST_TRIES):
            numbers = 4 * attempt + np.arange(4).reshape(2, 2)
            (small, large) = below(free, self._seed, index, numbers)
            beside = np.maximum(
                small - large - self._sides[1], large - small - self._sides[0]
            )
            if (beside >= 0).any():
                return np.stack([small, large])
        raise InputError(f"{self.name}: image {index} has no room for both.")

    def image(self, index):
        canvas = np.zeros([self._size, self._size], np.uint8)
        for digit, side, place in zip(
            self._drawn[index], self._sides, self.places(index)
        ):
            lay(canvas, self._digits.image(digit, side), place)
        return np.repeat(canvas[..., None], 3, axis=2)
