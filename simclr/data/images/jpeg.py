"""Ordinary JPEGs, by libjpeg-turbo without Pillow around it.

What is ordinary is told by the segments before the pixels, in a tenth of the
time that Pillow takes to open a file. Whatever is odd there, or fails here, is
left to decode.py, whose decisions and pixels, bit for bit, are the same.
"""

import io
import typing

import numpy as np
import simplejpeg
from PIL import JpegImagePlugin

ORIENTATION_TAG = 0x0112
# How an image is turned, by EXIF's number: what it does to rows and columns.
TURNS = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x.swapaxes(0, 1)[::-1],
}
_SCAN, _EXIF = 0xDA, 0xE1
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Tables, restart intervals, comments and applications' own segments.
_PASSED_OVER = frozenset([0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)])
# Rows below the last one that matters, of the decoded size: libjpeg smooths
# colours over one, and a box may be rounded to one more.
_MARGIN = 2
# A segment without these bytes says nothing of orientation.
_OF_ORIENTATION = b"\x01\x12", b"\x12\x01", b"tiff:Orientation"


class Frame(typing.NamedTuple):
    """What an ordinary JPEG's header says."""

    height: int  # As stored, before it is turned.
    width: int
    progressive: bool
    height_at: int = 0  # Where data says so; 0: rows are not stored in turn.
    orientation: int = 1  # A key of TURNS; others: as it is.


def scan(data):
    """Reads the segments before the pixels.

    Args:
        data: bytes.

    Returns:
        Frame; None where anything is not as in an ordinary JPEG: 8 bits, grey
        or three colours, sequential or progressive, in Huffman's code.
    """
    frame, colours, told, place = None, 0, [], 2
    end = len(data) - 4
    if data[:2] != b"\xff\xd8":
        return None
    while place <= end:
        lead, marker = data[place], data[place + 1]
        length = data[place + 2] << 8 | data[place + 3]
        if lead != 0xFF or length < 2 or place + 2 + length > len(data):
            return None
        if marker == _SCAN:
            several = data[place + 4 : place + 5] != bytes([colours])
            if frame and (frame.progressive or several):
                frame = frame._replace(height_at=0)
            return frame and _turned(frame, b"".join(told), data)
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            if frame or length < 8 or data[place + 4] != 8:
                return None
            colours = data[place + 9]
            if colours not in (1, 3):
                return None
            frame = Frame(
                data[place + 5] << 8 | data[place + 6],
                data[place + 7] << 8 | data[place + 8],
                marker == _PROGRESSIVE,
                place + 5,
            )
        elif marker not in _PASSED_OVER:
            return None
        elif marker == _EXIF:
            # Without "Exif" and two zeros: a long one goes on in the next.
            told.append(data[place + 10 : place + 2 + length])
        place += 2 + length
    return None


def pixels(data, frame, divisor, room=None, rows=None):
    """Decodes an ordinary JPEG, turned as it says.

    Args:
        data: bytes.
        frame: Frame, what `scan` says of it.
        divisor: 1, 2, 4 or 8: decode at this part of the size, in the time
            that the smaller transform takes.
        room: uint8 array of at least the size of the pixels, to decode into;
            None: memory of their own.
        rows: int, how many of frame.height matter, from the top; None: all.
            Of a sound image no more are decoded, where they are stored in
            turn; what lies below them then does not matter.

    Returns:
        uint8 [h, w, 3] RGB, maybe a view whose rows are not in order.

    Raises:
        simplejpeg's ValueError: it is damaged, however little. With `rows`,
            damage may go unseen.
    """
    if rows is not None and _in_turn(data, frame):
        rows += _MARGIN * divisor
        if rows < frame.height:
            return _first_rows(data, frame, divisor, room, rows)
    stored = simplejpeg.decode_jpeg(
        data,
        min_height=-(-frame.height // divisor),  # Rounded up, as libjpeg does.
        min_width=-(-frame.width // divisor),
        buffer=room,
    )
    turn = TURNS.get(frame.orientation)
    return stored if turn is None else turn(stored)


def _in_turn(data, frame):
    """Whether its first rows can be decoded alone, in less time."""
    as_stored = frame.height_at and frame.orientation not in TURNS
    # Else most of the file is something else, such as a film, long to copy.
    return as_stored and len(data) < 3 * frame.height * frame.width


def _first_rows(data, frame, divisor, room, rows):
    """The image, decoded as if it had ended after `rows` of its rows."""
    height, width = (-(-side // divisor) for side in frame[:2])
    if room is None:
        room = np.empty(height * width * 3, np.uint8)
    at = frame.height_at
    decoded = simplejpeg.decode_jpeg(
        b"".join([data[:at], rows.to_bytes(2, "big"), data[at + 2 :]]),
        min_height=-(-rows // divisor),
        min_width=width,
        buffer=room,
        strict=False,  # It warns of the bytes that are left.
    )
    if decoded.shape[1] != width:
        raise ValueError("its rows have another width")
    return room.reshape(-1)[: height * width * 3].reshape(height, width, 3)


def _turned(frame, told, data):
    """The frame with its orientation; None where that is odd."""
    if not any(sign in told for sign in _OF_ORIENTATION):
        return frame
    try:  # Pillow knows all that is odd in such segments, or raises anything.
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:
        return None
    if not isinstance(orientation, int):
        return None
    return frame._replace(orientation=orientation)
