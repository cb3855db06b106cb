"""What the first images tell of an encoder that nobody here has trained.

Letters: m images, f features.
"""

import numpy as np

from simclr.messages.errors import InputError

_IMAGES = 8  # Looked at; each other kind of pixels costs one pass of them.
# Relative to the largest: what is not more is rounding.
_SAME = 1e-5
# A row alone and in its batch: float16 and quantized nets differ by some
# per cent, batch norm in training mode by everything.
_DIFFERENT = 0.1
# Mean of 1 - cosine over pairs of images. Of nets that see their pixels
# rightly it is .1 to .9; four times as much by other pixels is suspect.
_LITTLE, _TIMES = 0.1, 4


def different(images):
    """Indices of up to 8 images of a batch, no two alike.

    Args:
        images: float32 [n, s, s, 3]; what fills a batch up is alike.
    """
    found = {}
    for i, image in enumerate(images):
        found.setdefault(image.tobytes(), i)
        if len(found) == _IMAGES:
            break
    return list(found.values())


def require_sound(h, alone, other=""):
    """Stops where features do not tell images apart, or depend on the batch.

    Args:
        h: float32 [m, f] of different images, of a batch.
        alone: float32 [1, f] of the first of them, of another batch.
        other: kind of pixels by which they differ, or "".

    Raises:
        InputError: one of these. The message goes on after the net's name.
    """
    largest = np.abs(h).max()
    if np.abs(h - h[0]).max() <= _SAME * largest:
        hint = f"; by --preprocessing={other} they differ" if other else ""
        raise InputError(f"different images have the same features{hint}.")
    change = np.linalg.norm(alone - h[:1])
    if change > _DIFFERENT * max(np.linalg.norm(h[:1]), _SAME * largest):
        raise InputError(
            "an image has other features beside other images: the net was "
            "exported in training mode, or it mixes its batch."
        )


def variety(h):
    """Mean of 1 - cosine over pairs of different rows: 0 where all point the
    same way.

    Args:
        h: float32 [m, f], m >= 2.
    """
    u = np.asarray(h, np.float64)
    if not np.isfinite(u).all():
        return 0.0
    u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-30)
    m = len(u)
    return float(1 - (np.square(u.sum(0)).sum() - m) / (m * (m - 1)))


def better(own, others):
    """The kind of pixels by which images differ far more, or "".

    Args:
        own: variety by the pixels that are taken.
        others: dict of name -> variety.
    """
    best = max(others, key=others.get)
    worse = own < _LITTLE and others[best] > _TIMES * own
    return best if worse else ""
