"""Encoded bytes to RGB pixels, with a decision for every odd image.

    JPEG, PNG, GIF, BMP, WebP   recognised by content, never by name
    TIFF, AVIF, PBM, PGM, PPM   likewise
    EXIF orientation            applied
    alpha, transparent colour   laid over white
    grey, palette, 1 bit        to RGB
    CMYK, YCCK JPEG             to RGB (Adobe's inverted inks minded)
    16 bits per channel         the high 8 bits; of the bits that are used,
                                where a source says how many (bits:12:IMAGES)
    32 bits per channel         refused: nobody says what is white
    animated GIF, WebP, PNG     the first frame
    several pages of a TIFF     the first
    MPO (two-lens phones)       the first image
    short side of 2048 or more  reduced by 2, 4 or 8 while >= 1024 remain
    over 256 million pixels     refused (over 64 where a format or a
                                progressive JPEG needs them all at once)
    under 8 pixels on a side    refused: tracking pixels, spacers
    truncated, damaged, empty   refused
    colour profiles             not applied
    odd EXIF, texts, profiles   left alone: they never decide on the pixels

TensorFlow's decoders ignore EXIF and alpha, take 8-bit palette BMPs for grey,
and fail on WebP with alpha and on most animated WebP, so Pillow decodes all but
ordinary JPEGs. Those jpeg.py decodes in half the time, to the same bits; where
it cannot, Pillow has the last word.
"""

import numpy as np

from simclr.data.images import jpeg
from simclr.data.images.pillow import (
    ENOUGH_SIDE,
    PIXELS_OF_A_BYTE,
    decode_by_pillow,
    one_large,
    refuse_size,
)


class OrdinaryJpeg:
    """An ordinary JPEG that is not decoded yet.

    Attributes:
        shape: (height, width) of what `decode` gives, pixels.
        num_bytes: memory that it holds.
        is_sound: bool, whether it was decoded whole, and without a complaint.
    """

    is_sound = was_jpeg = False

    def __init__(self, data, frame):
        self.num_bytes = len(data)
        self._data = data
        self._frame = frame
        self._divisor = _divisor(frame)
        held = PIXELS_OF_A_BYTE * len(data)
        refuse_size(frame.width, frame.height, not frame.progressive, held)
        height, width = (-(-side // self._divisor) for side in frame[:2])
        turned = 5 <= frame.orientation <= 8
        self.shape = (width, height) if turned else (height, width)

    def pixels(self, divisor=1, room=None, rows=None):
        """Decodes it.

        Args:
            divisor: 1, 2, 4 or 8: this part of `shape` is enough, rounded up.
            room: uint8 array to decode into where it is large enough; None:
                memory of their own.
            rows: int, how many of `shape` matter, from the top, of an image
                that was sound; None: all.

        Returns:
            uint8 [h, w, 3] RGB of `shape` or, where that can be, of the part
            of it; maybe a view whose rows are not in order.

        Raises:
            InputError: as for decode.
        """
        divisor = min(8, divisor * self._divisor)
        height, width = (-(-side // divisor) for side in self._frame[:2])
        if room is not None and room.size < 3 * height * width:
            room = None
        pixels = height * width
        if self._frame.progressive:
            pixels = self._frame.height * self._frame.width
        with one_large(pixels):
            try:
                image = jpeg.pixels(
                    self._data,
                    self._frame,
                    divisor,
                    room,
                    rows and rows * self._divisor,
                )
                self.is_sound = rows is None
                return image
            except ValueError:  # Pillow tells damage from what can be borne.
                pass
        return decode_by_pillow(self._data)


class Decoded:
    """As OrdinaryJpeg, of an image that is decoded already.

    Args:
        array: uint8 [h, w, 3].
        was_jpeg: bool, it comes of an OrdinaryJpeg, which can be decoded at a
            part of its size: that is another picture than the array reduced.
    """

    is_sound = False  # Nothing is left to decode.

    def __init__(self, array, was_jpeg=False):
        self.was_jpeg = was_jpeg
        self.num_bytes = array.nbytes
        self._array = array
        self.shape = array.shape[:2]

    def pixels(self, divisor=1, room=None, rows=None):
        """The image, whatever part of it is enough."""
        return self._array


def open_image(data, bit_depth=16):
    """Reads an image as far as its size; decodes it where that is all one.

    Args:
        data: bytes.
        bit_depth: int, how many bits of 16 a grey image uses.

    Returns:
        OrdinaryJpeg or Decoded.

    Raises:
        InputError: as for decode; of an ordinary JPEG, as far as its header
            tells.
    """
    frame = jpeg.scan(data)
    if frame is None or not _divisor(frame):
        return Decoded(decode_by_pillow(data, bit_depth))
    return OrdinaryJpeg(data, frame)


def decode(data, bit_depth=16):
    """Decodes an image.

    Args:
        data, bit_depth: as for open_image.

    Returns:
        uint8 [h, w, 3] RGB.

    Raises:
        InputError: the image is unreadable or refused; the message is the
            reason alone, "truncated" or the like.
    """
    return np.ascontiguousarray(open_image(data, bit_depth).pixels())


def _divisor(frame):
    """By what a large JPEG's size is divided: 1, 2, 4 or 8; 0: only Pillow
    knows."""
    factor = min(frame.height, frame.width) // ENOUGH_SIDE
    if factor < 2:
        return 1
    if frame.progressive or factor >= 16:
        return 0
    return 1 << (min(factor, 8).bit_length() - 1)
