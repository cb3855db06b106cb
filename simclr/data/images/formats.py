"""Which formats of images are read, told by their first bytes and by name."""

import re

from simclr.data.images import heic

_EXTENSIONS = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp"),
        *("tif", "tiff", "avif", "ppm", "pgm", "pbm", "pnm"),
    ]
)
IN_WORDS = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF or PNM"
HEAD_BYTES = 32  # So many tell a format.
_FORMATS = (
    (re.compile(rb"\xff\xd8"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8"), "GIF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "AVIF"),
    # HEIF's general brand, compatible with AVIF's.
    (re.compile(rb"....ftypmif1....(....)*avif", re.DOTALL), "AVIF"),
    (re.compile(rb"....ftyp(he[iv][a-z]|m[is]f1)", re.DOTALL), "HEIC"),
    (re.compile(rb"P[1-6]\s"), "PNM"),
)
# As above, where nothing but the bytes says that it is an image.
_CERTAIN = {
    "JPEG": re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"),
    "BMP": re.compile(rb"BM....\0\0\0\0..\0\0[\x0c-\x7c]\0\0\0", re.DOTALL),
    "PNM": re.compile(rb"P[1-6]\s+(#|\d+\s+\d+\s)"),
}
# What hides behind .jpg; ISO media begin with their size, then "ftyp".
_OTHERS = (
    (b"ftyp", "a video"),
    (b"jP  ", "a JPEG 2000 image"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG drawing"),
    (b"<", "a web page or other text"),
    (b"\0\0\0\0", "zeros, as of a broken copy"),
)


def extensions():
    """What the names of images end in, lower case, a frozenset of str.

    It tells what was found once from what would be found now, too.
    """
    return _EXTENSIONS | heic.EXTENSIONS if heic.module() else _EXTENSIONS


def format_of(data):
    """The name of an image's format, "JPEG" or the like; "" for another.

    Args:
        data: bytes, HEAD_BYTES of them or more.
    """
    head = data[:HEAD_BYTES]
    return next((name for sign, name in _FORMATS if sign.match(head)), "")


def is_certain(data):
    """Whether bytes of a file of any name begin an image that is read."""
    name = format_of(data)
    if name == "HEIC" and not heic.module():
        return False
    sign = _CERTAIN.get(name)
    return bool(name) and (sign is None or bool(sign.match(data)))


def what_else(data):
    """What bytes are that are no image of these formats, in words."""
    start = data[:64].lstrip()
    if data[4:8] in (b"ftyp", b"jP  "):
        start = data[4:64]
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"{name}: not a {IN_WORDS} image"
    return f"no image: it starts with {data[:8]!r}"
