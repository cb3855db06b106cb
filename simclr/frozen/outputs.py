"""Which of a net's outputs are its features, and how they become [n, f].

Letters: n images, t tokens, h w sides of a map, f features.
"""

import dataclasses
import math

import numpy as np

from simclr.frozen.net import NCHW
from simclr.frozen.preprocessing import CLASS, MEAN
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

# What exports of CLIP, DINOv2 and others, and our own, call them; best first.
_NAMES = (
    *("h", "image_embeds", "pooler_output", "embeddings", "embedding"),
    *("features", "final_avg_pool", "last_hidden_state"),
)


@dataclasses.dataclass(frozen=True)
class Features:
    """An output, and what makes [n, f] of it.

    Attributes:
        name: of the output.
        pool: CLASS or MEAN; "" where it is [n, f] already.
        axes: of places, which MEAN is over.
        words: what is taken, for people.
    """

    name: str
    pool: str
    axes: tuple
    words: str

    @property
    def identity(self):
        """str, the same for the same features."""
        return repr((self.name, self.pool))

    def of(self, outputs):
        """float32 [n, f] of a dict of arrays."""
        x = np.asarray(outputs[self.name], np.float32)
        if self.pool == CLASS:
            return np.ascontiguousarray(x[:, 0])
        return x.mean(self.axes) if self.pool == MEAN else x


def choose(outputs, count, *, layout, output="", pool=""):
    """The Features of a net, by what it gave for some images.

    Args:
        outputs: dict of name -> array.
        count: n, how many images that was of.
        layout: NHWC or NCHW, of maps as of images.
        output: name of the output to take; "": the only one, or that whose
            name says it.
        pool: CLASS or MEAN; "": of tokens the first where it is a class
            token, else their mean; of a map its mean.

    Returns:
        Features.

    Raises:
        InputError: there is no such output, none of features, or several.
    """
    name = output or _name(outputs, count)
    if name not in outputs:
        raise InputError(
            f"it has no output {name!r}; there are {', '.join(outputs)}."
            f"{did_you_mean(name, outputs)}"
        )
    shape = np.shape(outputs[name])
    if not _are_features(outputs[name], count):
        raise InputError(
            f"its output {name!r} has shape {shape} for {count} images; "
            "features are [n, f], tokens [n, t, f] or a map."
        )
    if len(shape) == 2:
        if pool:
            raise InputError(
                f"its output {name!r} is [n, f] already: pool={pool} is for "
                "tokens and maps."
            )
        return Features(name, "", (), f"output {name!r}")
    if len(shape) == 3:
        pool = pool or (CLASS if _has_class_token(shape[1]) else MEAN)
        what = "first" if pool == CLASS else "mean"
        words = f"{what} of {shape[1]} tokens of output {name!r}"
        return Features(name, pool, (1,), words)
    if pool == CLASS:
        raise InputError(
            f"its output {name!r} is a map: it has no class token."
        )
    axes = (2, 3) if layout == NCHW else (1, 2)
    sides = " x ".join(str(shape[axis]) for axis in axes)
    words = f"mean of {sides} places of output {name!r}"
    return Features(name, MEAN, axes, words)


def _name(outputs, count):
    """The output that is taken where nobody says which."""
    known = [name for name in _NAMES if name in outputs]
    good = [n for n, x in outputs.items() if _are_features(x, count)]
    flat = [n for n in good if np.ndim(outputs[n]) == 2]
    for names in (good, [n for n in known if n in good], flat):
        if len(names) == 1 or (names and names[0] in known):
            return names[0]
    shapes = ", ".join(f"{n} {np.shape(x)}" for n, x in outputs.items())
    if not good:
        raise InputError(f"it has no output of features, only {shapes}.")
    raise InputError(
        f"it has several outputs, {shapes}: say which, "
        f"--preprocessing=output={good[0]}."
    )


def _are_features(x, count):
    x = np.asarray(x)
    number = np.issubdtype(x.dtype, np.floating) or x.dtype.name == "bfloat16"
    return number and x.ndim in (2, 3, 4) and len(x) == count


def _has_class_token(tokens):
    """Patches fill a square; what is more begins with a class token."""
    return math.isqrt(tokens) ** 2 != tokens
