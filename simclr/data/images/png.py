"""PNGs whose metadata is odd: that never decides on the pixels."""

import struct

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What the pixels, their first frame and their orientation are told by.
_OF_PIXELS = frozenset(
    [
        *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"),
        *(b"acTL", b"fcTL", b"fdAT", b"eXIf"),
    ]
)


def without_metadata(data):
    """A PNG without texts, times and colour profiles.

    Args:
        data: bytes of any file.

    Returns:
        bytes; b"" where it is no PNG, or has nothing of the kind.
    """
    if not data.startswith(_SIGNATURE):
        return b""
    kept, start = [_SIGNATURE], len(_SIGNATURE)
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        stop = start + 12 + size  # Its length, its name, its checksum.
        if kind in _OF_PIXELS:
            kept.append(data[start:stop])
        start = stop
    bare = b"".join(kept)
    return bare if len(bare) < len(data) else b""
