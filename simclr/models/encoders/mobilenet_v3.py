"""MobileNetV3, the nets of phones (Howard et al. 2019, arXiv 1905.02244)."""

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


def small(*, stem):
    """MobileNetV3-Small up to its pooled features, 576 of them.

    Args:
        stem: "imagenet" (stride 2), or "cifar" (stride 1, for small images).

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of its parts' ends and "h".
    """
    return _net(_SMALL, stem, name="mobilenet_v3_small")


def large(*, stem):
    """MobileNetV3-Large up to its pooled features, 960; the rest as `small`."""
    return _net(_LARGE, stem, name="mobilenet_v3_large")


def _net(blocks, stem, *, name):
    inputs, x = images(2.0, -1.0)
    x = conv_bn(
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
        x = _block(x, *row, name=f"group{group}_block{i}")
        ends[f"group{group}"] = x
    x = conv_bn(x, 6 * x.shape[-1], 1, activation="hard_swish", name="final")
    ends["final"] = x
    ends["h"] = mean_features(x)
    return keras.Model(inputs, ends, name=name)


def _block(x, kernel, expanded, channels, squeeze, activation, stride, *, name):
    """Inverted residual: 1x1 to `expanded`, depthwise, 1x1 to `channels`."""
    shortcut = x
    if expanded != x.shape[-1]:
        x = conv_bn(
            x, expanded, 1, activation=activation, name=f"{name}_expand"
        )
    x = conv_bn(
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
    x = conv_bn(x, channels, 1, name=f"{name}_project")
    if stride > 1 or shortcut.shape[-1] != channels:
        return x
    return layers.Add(name=name)([shortcut, x])


def _rounded(channels):
    """The multiple of 8 that is next, and not a tenth below."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
