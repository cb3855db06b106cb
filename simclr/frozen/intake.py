"""How a net takes images: their side, layout, numbers and kind of pixels.

Letters: n images, h w s an image's height, width and side.
"""

import dataclasses

import numpy as np

from simclr.frozen.net import NCHW, NHWC
from simclr.frozen.preprocessing import BYTES, PIXELS
from simclr.messages.errors import InputError
from simclr.models.normalizations import Normalization

_SIDE = 224  # Pixels, where neither the graph nor a file says them.
_DEFAULT = "imagenet"


@dataclasses.dataclass(frozen=True)
class Intake:
    """What makes a net's input of images [n, s, s, 3] in [0, 1].

    Attributes:
        layout: NHWC or NCHW.
        image_size: s, which evaluation is to show it.
        any_size: whether it takes other sides, too.
        dtype: of the input, numpy.dtype.
        normalization: Normalization.
        words: of all that, for people.
    """

    layout: str
    image_size: int
    any_size: bool
    dtype: np.dtype
    normalization: Normalization
    words: str

    @property
    def identity(self):
        """str, the same for the same input, whoever said how it is made."""
        return repr((self.layout, self.image_size, self.normalization))

    def require(self, images):
        """Stops at images that the net does not take.

        Raises:
            InputError: they have other channels, or another side.
        """
        if images.ndim != 4 or images.shape[-1] != 3:
            raise InputError(
                f"it takes images of 3 channels, not of shape "
                f"{images.shape[1:]}."
            )
        if not self.any_size and images.shape[1:3] != (self.image_size,) * 2:
            raise InputError(
                f"it takes images of {self.image_size} pixels, not of "
                f"{images.shape[1]}."
            )

    def of(self, images, normalization=None):
        """The net's input, of images [n, s, s, 3].

        Args:
            images: float32 [n, s, s, 3] in [0, 1], RGB.
            normalization: another than its own, or None.
        """
        images = (normalization or self.normalization).of(images)
        if self.layout == NCHW:
            images = images.transpose(0, 3, 1, 2)
        if self.dtype == np.uint8:
            images = np.rint(images)
        return np.ascontiguousarray(images, self.dtype)


def intake_of(net, said):
    """The Intake of a net.

    Args:
        net: net.Net.
        said: Preprocessing.

    Raises:
        InputError: it takes no images of 3 channels, or what is said does not
            fit. The message goes on after the net's name.
    """
    layout = said.layout or _layout(net)
    height, width = net.shape[2:] if layout == NCHW else net.shape[1:3]
    if (height or width) != (width or height):
        raise InputError(
            f"it takes images of {height} x {width} pixels; images are square "
            "here."
        )
    own = height or width
    if own and said.size not in (0, own):
        raise InputError(
            f"it takes images of {own} pixels, not of size={said.size}."
        )
    size = f"{own or said.size or _SIDE} pixels"
    if not own and not said.size:
        size += " (it takes any; size=... says which)"
    normalization, pixels = _pixels(net, said)
    return Intake(
        layout=layout,
        image_size=own or said.size or _SIDE,
        any_size=not own,
        dtype=net.dtype,
        normalization=normalization,
        words=f"{size}; {pixels}",
    )


def _layout(net):
    """Where a net's input has its channels."""
    shape = net.shape
    if len(shape) != 4:
        raise InputError(
            f"it takes an input of {len(shape)} axes, not images [n, h, w, 3]."
        )
    first, last = shape[1], shape[3]
    if (first == 3) != (last == 3):
        return NCHW if first == 3 else NHWC
    if first in (None, 3) and last in (None, 3):
        return net.layout  # Any, or both are 3: the kind of file decides.
    raise InputError(
        f"it takes images of shape {shape[1:]}; an encoder takes 3 channels, "
        "RGB."
    )


def _pixels(net, said):
    """(Normalization, its words)."""
    if net.dtype == np.uint8:
        if said.pixels not in ("", BYTES):
            raise InputError(
                f"it takes bytes, and {said.said_by} says {said.pixels!r}: say "
                f"--preprocessing={BYTES}."
            )
        return PIXELS[BYTES], BYTES
    if said.pixels:
        words = f"pixels {said.pixels!r} ({said.said_by})"
        return said.normalization, words
    if net.pixels:
        words = f"pixels {net.pixels!r} ({net.reason})"
        return PIXELS[net.pixels], words
    words = f"pixels {_DEFAULT!r} (nothing says it; --preprocessing does)"
    return PIXELS[_DEFAULT], words
