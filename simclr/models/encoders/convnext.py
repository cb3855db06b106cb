"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545).

Its stochastic depth is left out: it would need keyed randomness, and
self-supervised training has its own noise.
"""

import keras
from keras import layers

from simclr.models.dtypes import float32_or_wider
from simclr.models.encoders.layers import LayerScale, images


def tiny(*, stem, normalization):
    """ConvNeXt-T up to its pooled and normalized features, 768 of them.

    Args:
        stem: "imagenet" (patches of 4 pixels), or "cifar" (of 2, for small
            images).
        normalization: of the pixels, a name of NORMALIZATIONS.

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of its parts' ends and "h".
    """
    inputs, x = images(normalization)
    side = 2 if stem == "cifar" else 4
    x = _patches(x, 96, side, name="stem_conv")
    x = _norm(x, name="stem_norm")
    ends = {"stem": x}
    for group, blocks in enumerate((3, 3, 9, 3), start=1):
        if group > 1:
            x = _norm(x, name=f"group{group}_norm")
            x = _patches(x, 2 * x.shape[-1], 2, name=f"group{group}_conv")
        for i in range(1, blocks + 1):
            x = _block(x, name=f"group{group}_block{i}")
        ends[f"group{group}"] = x
    wide = float32_or_wider()
    x = layers.GlobalAveragePooling2D(dtype=wide, name="final_pool")(x)
    ends["final"] = _norm(x, name="final_norm", dtype=wide)
    ends["h"] = layers.Identity(dtype=wide, name="h")(ends["final"])
    return keras.Model(inputs, ends, name="convnext_tiny")


def _start():
    return keras.initializers.TruncatedNormal(stddev=0.02)


def _block(x, *, name):
    """Depthwise 7x7, norm, and two dense layers on each pixel."""
    shortcut, channels = x, x.shape[-1]
    x = layers.DepthwiseConv2D(
        7, padding="same", depthwise_initializer=_start(), name=f"{name}_conv"
    )(x)
    x = _norm(x, name=f"{name}_norm")
    for width, activation, i in (
        (4 * channels, "gelu", 1),
        (channels, None, 2),
    ):
        x = layers.Dense(
            width,
            activation=activation,
            kernel_initializer=_start(),
            name=f"{name}_dense{i}",
        )(x)
    x = LayerScale(1e-6, name=f"{name}_scale")(x)
    return layers.Add(name=name)([shortcut, x])


def _patches(x, channels, side, *, name):
    """One vector for each square of `side` pixels."""
    return layers.Conv2D(
        channels, side, side, kernel_initializer=_start(), name=name
    )(x)


def _norm(x, *, name, dtype=None):
    return layers.LayerNormalization(epsilon=1e-6, dtype=dtype, name=name)(x)
