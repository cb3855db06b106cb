"""ResNet encoders of SimCLR and SimCLRv2 (arXiv 2002.05709, 2006.10029).

Letters: n images, h w an image's height and width, f features.
"""

import keras
from keras import layers

from simclr.messages.errors import InputError
from simclr.models.batch_norm import BatchNorm
from simclr.models.convolution import Conv2D
from simclr.models.dtypes import float32_or_wider
from simclr.models.encoders.layers import images
from simclr.models.max_pool import MaxPool

# Blocks in each of the four groups, by depth; bottlenecks from 50 layers on.
BLOCKS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}


def resnet(
    *,
    depth,
    width=1.0,
    stem="imagenet",
    sk_ratio=0.0,
    se_ratio=0.0,
    shortcut="every_group",
    stride_kernel=3,
    normalization="none",
    extra_planes=0,
):
    """A ResNet (v1, post-activation), its weights fresh.

    As published: a projection shortcut opens every group, the first too; the
    stride sits on the 3x3 convolution; the last batch norm of each residual
    branch starts at gamma 0, so that every block starts as its shortcut.

    Args:
        depth: 10, 18, 34, 50, 101, 152 or 200 layers.
        width: multiplies every number of channels. The first group's 64 is
            rounded to a multiple of 8 (of at least 8) and each later group
            doubles it, so that a narrow net keeps the shape of the wide one.
        stem: "imagenet" (7x7 stride 2, then a 3x3 max pool), "cifar" (3x3,
            full resolution), "half" (3x3 stride 2: a quarter of the work of
            "cifar"), or "torchvision" (as "imagenet", but the pool pads a row
            and a column on every side, as PyTorch's nets do).
        sk_ratio: above 0, selective kernels (arXiv 1903.06586) in bottleneck
            blocks, and the shortcuts and ImageNet stem of ResNet-D
            (arXiv 1812.01187); the published nets use 0.0625.
        se_ratio: above 0, squeeze and excitation (arXiv 1709.01507).
        shortcut: which blocks' shortcuts are projections: the first of
            "every_group", as SimCLR's code has it, or those "where_needed":
            where the shape changes (the paper's option B, torchvision).
        stride_kernel: side of a bottleneck's kernel that has the stride: 3, or
            1 (the paper's first version, keras.applications).
        normalization: of the pixels, a name of NORMALIZATIONS: in the net, so
            that no later stage can forget it. SimCLR's nets have "none".
        extra_planes: p, channels behind the colours, taken as they are.

    Returns:
        A functional keras.Model from images [n, h, w, 3 + p] in [0, 1] to a
        dict of "stem", "group1" to "group4" ([n, h', w', c']) and "h" ([n, f],
        at least float32).

    Raises:
        InputError: an unknown depth, stem or normalization, or a width or
            ratio below 0.
    """
    blocks = BLOCKS.get(depth)
    if blocks is None:
        known = ", ".join(map(str, BLOCKS))
        raise InputError(f"depth={depth}; choose one of {known}.")
    if stem not in _STEMS:
        raise InputError(f"stem={stem!r}; choose one of {', '.join(_STEMS)}.")
    for name, value in {"sk_ratio": sk_ratio, "se_ratio": se_ratio}.items():
        if value < 0:
            raise InputError(f"{name}={value} must be at least 0.")
    if width <= 0:
        raise InputError(f"width={width} must be above 0.")
    channels = max(8, round(64 * width / 8) * 8)
    block, widening = _basic_block, 1
    if depth >= 50:
        block, widening = _bottleneck_block, 4
    where_needed = shortcut == "where_needed"

    # Statistics of a whole image lose too much in bfloat16.
    wide = float32_or_wider()
    inputs, x = images(normalization, extra_planes)
    x = _STEMS[stem](x, channels, sk_ratio)
    ends = {"stem": x}
    for group, count in enumerate(blocks, start=1):
        inner = channels * 2 ** (group - 1)
        for i in range(count):
            stride = 2 if group > 1 and i == 0 else 1
            keeps_shape = stride == 1 and x.shape[-1] == inner * widening
            x = block(
                x,
                inner,
                stride=stride,
                stride_kernel=stride_kernel,
                project=i == 0 and not (where_needed and keeps_shape),
                sk_ratio=sk_ratio,
                se_ratio=se_ratio,
                name=f"group{group}_block{i + 1}",
            )
        ends[f"group{group}"] = x
    ends["h"] = layers.GlobalAveragePooling2D(dtype=wide, name="h")(x)
    return keras.Model(inputs, ends, name=f"resnet{depth}")


def _cifar_stem(x, channels, sk_ratio):
    del sk_ratio  # As published: the small stem has no ResNet-D form.
    return _conv_bn(x, channels, 3, name="stem_{}")


def _half_stem(x, channels, sk_ratio):
    del sk_ratio  # As of the small stem.
    return _conv_bn(x, channels, 3, stride=2, name="stem_{}")


def _imagenet_stem(x, channels, sk_ratio):
    x = _imagenet_convolutions(x, channels, sk_ratio)
    return MaxPool(3, 2, "same", name="stem_pool")(x)


def _torchvision_stem(x, channels, sk_ratio):
    x = _imagenet_convolutions(x, channels, sk_ratio)
    # Zeros do for the padding: what is pooled comes from a ReLU.
    x = layers.ZeroPadding2D(1, name="stem_pad")(x)
    return MaxPool(3, 2, name="stem_pool")(x)


def _imagenet_convolutions(x, channels, sk_ratio):
    if sk_ratio:
        x = _conv_bn(x, channels // 2, 3, stride=2, name="stem_{}1")
        x = _conv_bn(x, channels // 2, 3, name="stem_{}2")
        return _conv_bn(x, channels, 3, name="stem_{}3")
    return _conv_bn(x, channels, 7, stride=2, name="stem_{}")


_STEMS = {
    "cifar": _cifar_stem,
    "half": _half_stem,
    "imagenet": _imagenet_stem,
    "torchvision": _torchvision_stem,
}


def _basic_block(
    x, channels, *, stride, stride_kernel, project, sk_ratio, se_ratio, name
):
    """Two 3x3 convolutions. Published nets never select kernels here."""
    del stride_kernel  # There is one size.
    shortcut = x
    if project:
        shortcut = _shortcut(x, channels, stride, sk_ratio, name)
    x = _conv_bn(x, channels, 3, stride=stride, name=name + "_{}1")
    x = _conv_bn(x, channels, 3, relu=False, last=True, name=name + "_{}2")
    if se_ratio:
        x = _squeeze_excite(x, channels, se_ratio, name)
    return _merge(x, shortcut, name)


def _bottleneck_block(
    x, channels, *, stride, stride_kernel, project, sk_ratio, se_ratio, name
):
    """1x1, 3x3 (or selective kernels), and 1x1 to four times the channels."""
    shortcut = x
    if project:
        shortcut = _shortcut(x, 4 * channels, stride, sk_ratio, name)
    if stride_kernel == 1:
        x = _conv_bn(x, channels, 1, stride=stride, name=name + "_{}1")
        stride = 1
    else:
        x = _conv_bn(x, channels, 1, name=name + "_{}1")
    if sk_ratio:
        x = _select_kernels(x, channels, stride, sk_ratio, name)
    else:
        x = _conv_bn(x, channels, 3, stride=stride, name=name + "_{}2")
    x = _conv_bn(x, 4 * channels, 1, relu=False, last=True, name=name + "_{}3")
    if se_ratio:
        x = _squeeze_excite(x, channels, se_ratio, name)
    return _merge(x, shortcut, name)


def _merge(x, shortcut, name):
    x = layers.Add(name=name + "_add")([x, shortcut])
    return layers.ReLU(name=name)(x)


def _shortcut(x, channels, stride, sk_ratio, name):
    """1x1 projection; in ResNet-D the stride is an average pool before it."""
    if sk_ratio:
        if stride > 1:
            pad = ((0, 1), (0, 1))
            x = layers.ZeroPadding2D(pad, name=name + "_shortcut_pad")(x)
        padding = "valid" if stride > 1 else "same"
        x = layers.AveragePooling2D(
            2, stride, padding, name=name + "_shortcut_pool"
        )(x)
        stride = 1
    return _conv_bn(
        x, channels, 1, stride=stride, relu=False, name=name + "_shortcut_{}"
    )


def _select_kernels(x, channels, stride, ratio, name):
    """Two 3x3 streams, mixed per image and channel by a softmax gate.

    The second stream stands for a 5x5 kernel in the paper and is 3x3 in the
    published nets.
    """
    x = _conv_bn(x, 2 * channels, 3, stride=stride, name=name + "_{}2")
    one, two = keras.ops.split(x, 2, axis=-1)
    both = layers.Add(name=name + "_sk_sum")([one, two])
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=name + "_sk_pool")(
        both
    )
    squeezed = max(int(channels * ratio), 32)
    gate = _conv_bn(gate, squeezed, 1, name=name + "_sk_{}1")
    gate = _conv(gate, 2 * channels, 1, name=name + "_sk_conv2")
    gate = layers.Reshape((1, 1, 2, channels), name=name + "_sk_streams")(gate)
    gate = layers.Softmax(axis=3, name=name + "_sk_softmax")(gate)
    gate = layers.Reshape((1, 1, 2 * channels), name=name + "_sk_gate")(gate)
    x = layers.Multiply(name=name + "_sk_gated")([x, gate])
    return layers.Add(name=name + "_sk")(keras.ops.split(x, 2, axis=-1))


def _squeeze_excite(x, channels, ratio, name):
    """Scales each channel by a gate computed from the whole image."""
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=name + "_se_pool")(
        x
    )
    gate = _conv(
        gate, max(1, int(channels * ratio)), 1, bias=True, name=name + "_se_1"
    )
    gate = layers.ReLU(name=name + "_se_relu")(gate)
    gate = _conv(gate, x.shape[-1], 1, bias=True, name=name + "_se_2")
    gate = layers.Activation("sigmoid", name=name + "_se_sigmoid")(gate)
    return layers.Multiply(name=name + "_se")([x, gate])


def _conv_bn(x, channels, kernel, *, name, stride=1, relu=True, last=False):
    """Convolution, batch norm, and a ReLU unless told otherwise.

    `name` has a {} where "conv", "bn" and "relu" go. `last` is true for the
    last batch norm of a residual branch.
    """
    x = _conv(x, channels, kernel, stride=stride, name=name.format("conv"))
    x = BatchNorm(
        gamma_initializer="zeros" if last else "ones", name=name.format("bn")
    )(x)
    return layers.ReLU(name=name.format("relu"))(x) if relu else x


def _conv(x, channels, kernel, *, name, stride=1, bias=False):
    padding = "same"
    if stride > 1:
        # Explicit, so that the padding does not depend on the image's size.
        padding = "valid"
        if kernel > 1:
            x = layers.ZeroPadding2D((kernel - 1) // 2, name=name + "_pad")(x)
    return Conv2D(
        channels,
        kernel,
        stride,
        padding,
        use_bias=bias,
        kernel_initializer=keras.initializers.VarianceScaling(
            scale=1.0, mode="fan_in", distribution="truncated_normal"
        ),
        name=name,
    )(x)
