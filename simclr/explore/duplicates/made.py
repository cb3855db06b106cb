"""Duplicates that are made, to see how similar duplicates are to an encoder.

Letters: h w = an image's height and width.
"""

import cv2
import numpy as np

from simclr.messages.errors import InputError

_QUALITY = 40, 90  # Of JPEG, from what sites keep to what cameras write.
_CROPPED = 0.05  # Of each side.
_SCALE = 0.4, 0.9  # Of each side.


def made_duplicates(images, kinds=None, seed=0):
    """One duplicate of each kind of every image.

    The place of an image decides the random numbers, whatever kinds are made.

    Args:
        images: iterable of uint8 [h, w, 3], RGB.
        kinds: list of keys of KINDS; None: all of them.
        seed: int.

    Yields:
        number: int, of the image in `images`.
        kind: str.
        image: uint8 [h', w', 3].

    Raises:
        InputError: a kind that there is not, or an image that is not uint8
            [h, w, 3].
    """
    kinds = list(KINDS) if kinds is None else list(kinds)
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"{kind!r} is not one of {', '.join(KINDS)}.")
    for number, image in enumerate(images):
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"Image {number} is {image.dtype} {list(image.shape)}; it must "
                "be uint8 [h, w, 3]."
            )
        for kind in kinds:
            rng = np.random.default_rng([seed, number])
            yield number, kind, KINDS[kind](image, rng)


def reencoded(image, rng):
    """As JPEG of a quality of 40 to 90, and decoded again."""
    quality = int(rng.integers(*_QUALITY, endpoint=True))
    _, data = cv2.imencode(
        ".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def cropped(image, rng):
    """Without 5 % of its height and of its width, at a random place."""
    height, width = (
        max(1, round(side * (1 - _CROPPED))) for side in image.shape[:2]
    )
    top = int(rng.integers(image.shape[0] - height, endpoint=True))
    left = int(rng.integers(image.shape[1] - width, endpoint=True))
    return image[top : top + height, left : left + width].copy()


def resized(image, rng):
    """At 40 to 90 % of its sides, each pixel the mean of those it covers."""
    scale = rng.uniform(*_SCALE)
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


KINDS = {"reencoded": reencoded, "cropped": cropped, "resized": resized}
