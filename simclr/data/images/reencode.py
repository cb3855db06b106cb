"""An image as a smaller JPEG, which decodes faster each time it is read."""

import cv2

from simclr.data.images import jpeg
from simclr.data.images.pillow import ENOUGH_SIDE, MIN_SIDE
from simclr.messages.errors import InputError

# Images are re-encoded in threads already.
cv2.setNumThreads(0)

# A decode never gives more of a large image than the largest, and refuses what
# is under the smallest (decode.py).
SIDES = (MIN_SIDE, ENOUGH_SIDE)
QUALITIES = (1, 100)
# Colours at half the size, as cameras and ImageNet have them.
_SAMPLING = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
)


def require_reencoding(*, side, quality):
    """Raises InputError for what no image can be re-encoded to.

    Args:
        side, quality: as in `reencode`.
    """
    for name, value, (least, most) in (
        ("side", side, SIDES),
        ("quality", quality, QUALITIES),
    ):
        if not least <= value <= most:
            raise InputError(
                f"{name} is {value}; it must be from {least} to {most:,}."
            )


def reencode(data, pixels, *, side, quality):
    """An image whose shorter side is at most `side`, as an ordinary JPEG.

    An ordinary JPEG that is small enough and upright stays as it is.

    Args:
        data: bytes of the image.
        pixels: uint8 [h, w, 3], what decode.decode makes of them.
        side: pixels; no image is enlarged.
        quality: libjpeg's, 1 to 100.

    Returns:
        bytes.
    """
    height, width = pixels.shape[:2]
    stored = stored_shape(height, width, side)
    if stored == (height, width):
        frame = jpeg.scan(data)
        if frame and frame.orientation not in jpeg.TURNS:
            return data
    else:
        pixels = cv2.resize(pixels, stored[::-1], interpolation=cv2.INTER_AREA)
    # To Pillow's bits. simplejpeg's transform is a coarser, faster one.
    _, encoded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, quality, *_SAMPLING],
    )
    return encoded.tobytes()


def stored_shape(height, width, side):
    """(height, width) of an image whose shorter side is at most `side`."""
    short = min(height, width)
    if short <= side:
        return height, width
    return round(height * side / short), round(width * side / short)
