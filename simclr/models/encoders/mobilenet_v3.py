"""MobileNetV3, the nets of phones (Howard et al. 2019, arXiv 1905.02244)."""

import functools

import keras
from keras import layers

from simclr.models.encoders.layers import (
    conv_bn,
    images,
    mean_features,
    squeeze_excite,
)

# Tables 1 and 2 of the paper: kernel, expanded channels, channels out, whether
# squeeze and excitation is there, activation, stride. A row a block.
_SMALL = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1),
    (5, 144, 48, True, "hard_swish", 1),
    (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1),
    (5, 576, 96, True, "hard_swish", 1),
)
_LARGE = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1),
    (3, 672, 112, True, "hard_swish", 1),
    (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1),
    (5, 960, 160, True, "hard_swish", 1),
)


def small(*, stem, normalization, padding="same", norm_epsilon=0.0):
    """MobileNetV3-Small up to its pooled features, 576 of them.

    Args:
        stem: "imagenet" (stride 2), or "cifar" (stride 1, for small images).
        normalization: of the pixels, a name of NORMALIZATIONS.
        padding, norm_epsilon: of convolutions that stride, and of batch norm;
            see layers.conv_bn.

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of its parts' ends and "h".
    """
    conv = functools.partial(conv_bn, padding=padding, epsilon=norm_epsilon)
    return _net(_SMALL, stem, normalization, conv, name="mobilenet_v3_small")


def large(*, stem, normalization, padding="same", norm_epsilon=0.0):
    """MobileNetV3-Large up to its pooled features, 960; the rest as `small`."""
    conv = functools.partial(conv_bn, padding=padding, epsilon=norm_epsilon)
    return _net(_LARGE, stem, normalization, conv, name="mobilenet_v3_large")


def _net(blocks, stem, normalization, conv, *, name):
    """The net whose convolutions `conv` makes, as conv_bn does."""
    inputs, x = images(normalization)
    x = conv(
        x,
        16,
        3,
        stride=1 if stem == "cifar" else 2,
        activation="hard_swish",
        name="stem",
    )
    ends = {"stem": x}
    group, i = 0, 0
    for row in blocks:
        if not group or row[-1] == 2:  # A group keeps its resolution.
            group, i = group + 1, 0
        i += 1
        x = _block(conv, x, *row, name=f"group{group}_block{i}")
        ends[f"group{group}"] = x
    x = conv(x, 6 * x.shape[-1], 1, activation="hard_swish", name="final")
    ends["final"] = x
    ends["h"] = mean_features(x)
    return keras.Model(inputs, ends, name=name)


def _block(
    conv, x, kernel, expanded, channels, squeeze, activation, stride, *, name
):
    """Inverted residual: 1x1 to `expanded`, depthwise, 1x1 to `channels`."""
    shortcut = x
    if expanded != x.shape[-1]:
        x = conv(x, expanded, 1, activation=activation, name=f"{name}_expand")
    x = conv(
        x,
        expanded,
        kernel,
        stride=stride,
        activation=activation,
        depthwise=True,
        name=f"{name}_depthwise",
    )
    if squeeze:
        x = squeeze_excite(
            x,
            _rounded(expanded / 4),
            activation="relu",
            gate="hard_sigmoid",
            name=f"{name}_se",
        )
    x = conv(x, channels, 1, name=f"{name}_project")
    if stride > 1 or shortcut.shape[-1] != channels:
        return x
    return layers.Add(name=name)([shortcut, x])


def _rounded(channels):
    """The multiple of 8 that is next, and not a tenth below."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
