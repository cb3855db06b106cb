"""EfficientNets: V2-B0 for servers and Lite0 for phones.

V2: Tan and Le 2021, arXiv 2104.00298. Lite: Tan and Le 2019, arXiv 1905.11946,
without what phones' accelerators do badly: no squeeze and excitation, ReLU6.
Their stochastic depth and dropout are left out: it would need keyed randomness,
and self-supervised training has its own noise.
"""

import dataclasses
import functools

import keras
from keras import layers

from simclr.models.encoders.layers import (
    conv_bn,
    images,
    mean_features,
    squeeze_excite,
)

_HEAD = 1280  # Channels of the last convolution.


@dataclasses.dataclass(frozen=True)
class _Group:
    """Blocks of one width.

    Attributes:
        repeats: number of blocks; the first has the stride.
        kernel: side of the kernel, pixels.
        stride: of the first block.
        expansion: of the channels inside a block.
        channels: of a block's output.
        fused: whether one convolution expands and looks around at once.
        se_ratio: squeeze and excitation, of a block's input; 0: none.
    """

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    fused: bool = False
    se_ratio: float = 0.0


_LITE0 = (
    _Group(1, 3, 1, 1, 16),
    _Group(2, 3, 2, 6, 24),
    _Group(2, 5, 2, 6, 40),
    _Group(3, 3, 2, 6, 80),
    _Group(3, 5, 1, 6, 112),
    _Group(4, 5, 2, 6, 192),
    _Group(1, 3, 1, 6, 320),
)
_V2_B0 = (
    _Group(1, 3, 1, 1, 16, fused=True),
    _Group(2, 3, 2, 4, 32, fused=True),
    _Group(2, 3, 2, 4, 48, fused=True),
    _Group(3, 3, 2, 4, 96, se_ratio=0.25),
    _Group(5, 3, 1, 6, 112, se_ratio=0.25),
    _Group(8, 3, 2, 6, 192, se_ratio=0.25),
)


def lite0(*, stem, normalization, padding="same", norm_epsilon=0.0):
    """EfficientNet-Lite0 up to its pooled features, 1280 of them.

    Args:
        stem: "imagenet" (stride 2), or "cifar" (stride 1, for small images).
        normalization: of the pixels, a name of NORMALIZATIONS.
        padding, norm_epsilon: of convolutions that stride, and of batch norm;
            see layers.conv_bn.

    Returns:
        A functional keras.Model from images [n, h, w, 3] in [0, 1] to a dict
        of its parts' ends and "h".
    """
    inputs, x = images(normalization)
    conv = functools.partial(
        conv_bn, padding=padding, epsilon=norm_epsilon, activation="relu6"
    )
    return _net(inputs, x, _LITE0, stem, conv, name="efficientnet_lite0")


def v2_b0(*, stem, normalization, padding="same", norm_epsilon=0.0):
    """EfficientNetV2-B0; the rest is as in `lite0`."""
    inputs, x = images(normalization)
    conv = functools.partial(
        conv_bn, padding=padding, epsilon=norm_epsilon, activation="swish"
    )
    return _net(inputs, x, _V2_B0, stem, conv, name="efficientnet_v2_b0")


def _net(inputs, x, groups, stem, conv, *, name):
    """The net whose convolutions `conv` makes, as conv_bn does."""
    x = conv(x, 32, 3, stride=1 if stem == "cifar" else 2, name="stem")
    ends = {"stem": x}
    for number, group in enumerate(groups, start=1):
        block = _fused_block if group.fused else _block
        for i in range(group.repeats):
            x = block(
                x,
                group,
                stride=group.stride if i == 0 else 1,
                conv=conv,
                name=f"group{number}_block{i + 1}",
            )
        ends[f"group{number}"] = x
    x = conv(x, _HEAD, 1, name="final")
    ends["final"] = x
    ends["h"] = mean_features(x)
    return keras.Model(inputs, ends, name=name)


def _block(x, group, *, stride, conv, name):
    """MBConv: 1x1 to more channels, depthwise, 1x1 back."""
    shortcut = x
    expanded = group.expansion * x.shape[-1]
    if group.expansion > 1:
        x = conv(x, expanded, 1, name=f"{name}_expand")
    x = conv(
        x,
        expanded,
        group.kernel,
        stride=stride,
        depthwise=True,
        name=f"{name}_depthwise",
    )
    if group.se_ratio:
        x = squeeze_excite(
            x,
            max(1, int(shortcut.shape[-1] * group.se_ratio)),
            activation="swish",
            gate="sigmoid",
            name=f"{name}_se",
        )
    x = conv(x, group.channels, 1, activation=None, name=f"{name}_project")
    return _merged(shortcut, x, stride, name)


def _fused_block(x, group, *, stride, conv, name):
    """Fused-MBConv: k x k to more channels, 1x1 back; or one k x k alone."""
    shortcut = x
    if group.expansion == 1:
        x = conv(
            x,
            group.channels,
            group.kernel,
            stride=stride,
            name=f"{name}_project",
        )
        return _merged(shortcut, x, stride, name)
    x = conv(
        x,
        group.expansion * x.shape[-1],
        group.kernel,
        stride=stride,
        name=f"{name}_expand",
    )
    x = conv(x, group.channels, 1, activation=None, name=f"{name}_project")
    return _merged(shortcut, x, stride, name)


def _merged(shortcut, x, stride, name):
    """The sum, where a block keeps its input's shape."""
    if stride > 1 or shortcut.shape[-1] != x.shape[-1]:
        return x
    return layers.Add(name=name)([shortcut, x])
