"""MultiDigits: digits at random places (arXiv 2011.02803, Section 4)."""

import numpy as np

from simclr.data.sources.synthetic.canvas import Canvas, Digits, lay
from simclr.data.sources.synthetic.draws import below
from simclr.messages.errors import InputError

_OVERLAPS = ("no", "yes")
_TRIES = 32  # Places that are drawn for a digit, before all begin again.
_MOST_ATTEMPTS = 1000


class MultiDigits(Canvas):
    """So many digits in every image; its class is that of the first.

    The digits are drawn alike, so the first is any of them.

    Args:
        name: str, the whole words.
        digits: Source of the digits.
        number: digits in an image.
        overlap: "no", their squares do not meet; or "yes".
        count: number of images; 0: as many as there are digits.
        size: s, side of an image, pixels.
        side: w, side of a digit, pixels.
        seed: int.

    Raises:
        InputError: the digits have no room.
    """

    def __init__(
        self,
        name,
        *,
        digits,
        number: int = 1,
        overlap: str = "no",
        count: int = 0,
        size: int = 112,
        side: int = 28,
        seed: int = 0,
    ):
        if overlap not in _OVERLAPS:
            raise InputError(f"{name}: overlap is no or yes, not {overlap!r}.")
        if number < 1 or not 1 <= side <= size:
            raise InputError(
                f"{name}: number={number} digits of side={side} pixels do "
                f"not fit size={size}."
            )
        if overlap == "no" and 2 * number * side**2 > size**2:
            raise InputError(
                f"{name}: {number} digits of {side} pixels fill more than "
                f"half of {size}; without overlap they may find no place."
            )
        self._digits = Digits(digits)
        count = count or len(self._digits)
        super().__init__(
            "multidigits",
            name,
            count,
            (self._digits.facts, number, overlap, size, side, seed),
        )
        self._number, self._overlap = number, overlap == "yes"
        self._size, self._side, self._seed = size, side, seed
        # [count, number]
        self._drawn = below(
            len(self._digits),
            seed,
            np.arange(count)[:, None],
            np.arange(number),
        )
        self.labels = self._digits.labels[self._drawn[:, 0]]
        self.class_names = self._digits.class_names

    def places(self, index):
        """int64 [number, 2], row and column of the digits' corners.

        Without overlap a digit takes the next drawn place that is free; where
        one finds none, all begin again.
        """
        free = self._size - self._side + 1
        tries = 1 if self._overlap else _TRIES
        for attempt in range(_MOST_ATTEMPTS):
            first = self._number + 2 * self._number * tries * attempt
            numbers = first + np.arange(2 * self._number * tries)
            drawn = below(free, self._seed, index, numbers).reshape(-1, 2)
            found = drawn if self._overlap else self._apart(drawn)
            if len(found) == self._number:
                return found
        raise InputError(
            f"{self.name}: image {index} has no room without overlap; take "
            "fewer digits, or overlap=yes."
        )

    def _apart(self, drawn):
        """The first of the places [n, 2] whose squares do not meet."""
        found = []
        while len(drawn) and len(found) < self._number:
            found.append(drawn[0])
            far = np.abs(drawn - drawn[0]).max(axis=1) >= self._side
            drawn = drawn[far]
        return np.stack(found)

    def image(self, index):
        canvas = np.zeros([self._size, self._size], np.uint8)
        for digit, place in zip(self._drawn[index], self.places(index)):
            lay(canvas, self._digits.image(digit, self._side), place)
        return np.repeat(canvas[..., None], 3, axis=2)
