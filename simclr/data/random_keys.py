"""What every random number is keyed by: the seed, and what the number is for.

A random number of this package is a pure function of (seed, purpose, step or
epoch, row, view). Each purpose has its own constant here, so that no two of
them share their numbers and that switching one off leaves the others alone.
Append only: another constant is another random number for the same seed.
"""

import zlib

from simclr.messages.errors import InputError

ORDER, BLOCKS, WINDOWS, ROTATION = 1, 2, 3, 4
CROP, FLIP = 16, 17
JITTER, BRIGHTNESS, CONTRAST, SATURATION, HUE = 18, 19, 20, 21, 22
GRAY, BLUR, SOLARIZE = 23, 24, 25
JITTER_ORDER, BLUR_SIGMA = 26, 27
BOX = 28
NAMED = 29  # All that have a name instead of a constant.
CUTOUT, CUTOUT_ROW, CUTOUT_COLUMN = 30, 31, 32
SOBEL = 33
NOISE, NOISE_SEED = 34, 35
ROTATE, QUARTER_TURNS = 36, 37


def pack(seed, purpose, copy=0):
    """One positive int64 that is different for every (seed, purpose, copy).

    Args:
        seed: Python int in [0, 2**32).
        purpose: One of this module's constants, below 256.
        copy: int in [0, 2**22), of numbers for the same purpose.

    Raises:
        InputError: the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"seed={seed} must be from 0 to {2**32 - 1}.")
    return (copy << 40) + seed * 256 + purpose


def pack_named(seed, name, copy=0):
    """`pack` for a purpose that has no constant but a name.

    Args:
        seed, copy: as in `pack`.
        name: str. Two names share their numbers by a chance of one in four
            million.
    """
    digest = zlib.crc32(f"{name} {copy}".encode())
    return pack(seed, NAMED, copy=digest >> 10)
