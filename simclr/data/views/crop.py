"""Cuts a view out of one decoded image: crop, resize, flip; the host's part.

Resizing is bicubic without antialiasing, as published, and then rounded and
clipped to uint8 (the reference keeps floats that may overshoot). OpenCV does
it, many times as fast as TensorFlow. Its kernel is not quite the published one:
the coefficient of Keys (1981) is -0.75 instead of -0.5. Two thirds of it and
one third of a linear resize have the published weights for the outer two of
four pixels, and nearly for the inner two. That takes 1.7 times as long, and
only in sharp crops does it matter; so only those get it.
"""

import cv2
import numpy as np

from simclr.messages.errors import InputError

# The batch is spread over threads already (host.py).
cv2.setNumThreads(0)

# Mean square difference, of bytes, between neighbours that makes a crop sharp:
# about one photo in six is. Below it, the cubic resize alone is 44 dB from
# the published one or nearer.
_SHARP = 700.0
_EACH = 8  # Rows that are skipped to measure it, less one.
_CUBIC_SHARE = 2 / 3


def require_crop(*, size, area):
    """Raises InputError for crops that cannot be.

    Args:
        size: side of a view, pixels; at least 1.
        area: smallest and largest share of the image's area; None: no crop.
    """
    if size < 1:
        raise InputError(f"size={size} must be at least 1 pixel.")
    if area is not None and not 0 < area[0] <= area[1] <= 1:
        raise InputError(f"area={area} must be 0 < smallest <= largest <= 1.")


def cut(image, box, out, *, shape, mirrored):
    """Writes one view of an image.

    Args:
        image: uint8 [h, w, 3], the image of `shape`, or reduced.
        box: 4 ints, in pixels of `shape`: top, left, height and width.
        out: uint8 [s, s, 3] to write to, rows in order.
        shape: (height, width) that the box was drawn for.
        mirrored: bool, left to right.
    """
    top, left, height, width = box
    bottom, right = top + height, left + width
    if image.shape[:2] != shape:
        down, across = image.shape[0] / shape[0], image.shape[1] / shape[1]
        top, bottom = round(top * down), round(bottom * down)
        left, right = round(left * across), round(right * across)
    crop = image[top:bottom, left:right]
    if image.strides[1] != 3 or image.strides[0] < 0:
        crop = np.ascontiguousarray(crop)  # OpenCV takes rows in order only.
    size = out.shape[:2]
    cv2.resize(crop, size, dst=out, interpolation=cv2.INTER_CUBIC)
    if crop.shape != out.shape and _is_sharp(crop):
        linear = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
        cv2.addWeighted(
            out, _CUBIC_SHARE, linear, 1 - _CUBIC_SHARE, 0.0, dst=out
        )
    if mirrored:
        cv2.flip(out, 1, dst=out)


def _is_sharp(crop):
    """Whether neighbours, below and beside each other, differ much."""
    some, below = crop[:-1:_EACH], crop[1::_EACH]
    if not some.size or some.shape[1] < 2:
        return False
    beside = cv2.norm(some[:, 1:], some[:, :-1], cv2.NORM_L2SQR)
    under = cv2.norm(some, below, cv2.NORM_L2SQR)
    return beside + under > _SHARP * some.size
