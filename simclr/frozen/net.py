"""A net as its file describes it: what runs it, and its ends.

Letters: n images, h w an image's height and width.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

NHWC, NCHW = "NHWC", "NCHW"


@dataclasses.dataclass(frozen=True)
class Net:
    """What a reader of one kind of file gives.

    Attributes:
        run: function of an array of `shape` and `dtype` to a dict of an
            output's name -> array.
        shape: of the images, 4 of int or None (any).
        dtype: of the images, numpy.dtype.
        layout: NHWC or NCHW, what the kind of file has where the shape does
            not tell.
        pixels: name of the normalization that the graph's own first layers
            ask for; "" where nothing shows it.
        reason: str, what showed it.
    """

    run: Callable
    shape: tuple
    dtype: np.dtype
    layout: str
    pixels: str = ""
    reason: str = ""


def sizes(shape):
    """A shape as a tuple of int or None, whatever a library says for any."""
    return tuple(
        int(x) if isinstance(x, int | np.integer) and x > 0 else None
        for x in shape
    )
