"""Images of 16 bits a pixel that use fewer, as of cameras of 10 or 12 bits.

How many is a property of a whole set: by the brightest pixel of each image
alone, a dark photo would look like a bright one.
"""

import numpy as np

from simclr.data.images.pillow import highest_of_16_bits
from simclr.messages.errors import InputError

AUTO = "auto"
_LEAST, _MOST = 8, 16
_SAMPLE = 64  # Images that are looked at.


def open_bits(rest, name):
    """Opens "BITS:IMAGES".

    Args:
        rest: str, the bits that 16-bit images use, or auto: as many as the
            brightest pixel of 64 images spread over the set takes; and a
            source as open_source takes it.
        name: str, the whole words.

    Raises:
        InputError: no such number, no image of 16 bits, or as open_source.
    """
    from simclr.data.sources.registry import open_source

    bits, _, images = rest.partition(":")
    known = bits.isdecimal() and _LEAST <= int(bits) <= _MOST
    if not images or not (known or bits == AUTO):
        raise InputError(
            f"{name!r} says how many bits of 16 are used, from {_LEAST} to "
            f"{_MOST}, or auto: bits:12:IMAGES."
        )
    source = open_source(images)
    source.name = name
    source.bit_depth = int(bits) if known else _used(source)
    if not known:
        source.notes.append(f"16-bit images use {source.bit_depth} bits")
    return source


def _used(source):
    highest = []
    rows = np.linspace(0, len(source) - 1, min(len(source), _SAMPLE))
    for row in rows.astype(int):
        try:
            highest.append(highest_of_16_bits(source.read(int(row))))
        except (ValueError, OSError):
            continue
    if not any(highest):
        raise InputError(
            f"{source.name}: {len(rows)} images were looked at, and none has "
            "16 bits a pixel in grey."
        )
    return max(_LEAST, int(max(highest)).bit_length())
