"""What every random number is keyed by: the seed, and what the number is for.

A random number of this package is a pure function of (seed, purpose, step or
epoch, row, view). Each purpose has its own constant here, so that no two of
them share their numbers and that switching one off leaves the others alone.
Append only: another constant is another random number for the same seed.
"""

from simclr.messages.errors import InputError

ORDER, BLOCKS, WINDOWS, ROTATION = 1, 2, 3, 4
CROP, FLIP = 16, 17
JITTER, BRIGHTNESS, CONTRAST, SATURATION, HUE = 18, 19, 20, 21, 22
GRAY, BLUR, SOLARIZE = 23, 24, 25
JITTER_ORDER, BLUR_SIGMA = 26, 27
BOX = 28


def pack(seed, purpose):
    """One int64-sized integer that is different for every (seed, purpose).

    Args:
        seed: Python int in [0, 2**32).
        purpose: One of this module's constants, below 256.

    Raises:
        InputError: the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"seed={seed} must be from 0 to {2**32 - 1}.")
    return seed * 256 + purpose
