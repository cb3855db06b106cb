"""What encoders other than ResNets are made of.

Letters: n images, h w an image's height and width, c channels, f features.
"""

import keras
from keras import layers

from simclr.messages.errors import InputError
from simclr.models.batch_norm import BatchNorm
from simclr.models.dtypes import float32_or_wider
from simclr.models.normalizations import NORMALIZATIONS


def images(normalization, extra_planes=0):
    """An encoder's input, and its pixels as its weights want them.

    Args:
        normalization: a name of NORMALIZATIONS.
        extra_planes: p, channels behind the colours, taken as they are.

    Returns:
        (keras.Input, tensor): [n, h, w, 3 + p] both.

    Raises:
        InputError: there is no such normalization.
    """
    kind = NORMALIZATIONS.get(normalization)
    if kind is None:
        raise InputError(
            f"normalization={normalization!r}; choose one of "
            f"{', '.join(NORMALIZATIONS)}."
        )
    wide = float32_or_wider()
    inputs = keras.Input(
        (None, None, 3 + extra_planes), dtype=wide, name="images"
    )
    x = inputs
    if kind.bgr:
        planes = [x[..., i : i + 1] for i in (2, 1, 0)]
        planes += [x[..., 3:]] if extra_planes else []
        x = layers.Concatenate(dtype=wide, name="bgr")(planes)
    if normalization != "none":
        # Not layers.Normalization, whose mean is a tensor of its own, which a
        # lowered step (simclr/lowering/xla.py) has no place for.
        x = layers.Rescaling(
            scale=[*kind.scale, *[1.0] * extra_planes],
            offset=[*kind.offset, *[0.0] * extra_planes],
            dtype=wide,
            name="normalization",
        )(x)
    return inputs, x


def mean_features(x):
    """The mean over an image of [n, h, w, c], at least float32."""
    return layers.GlobalAveragePooling2D(dtype=float32_or_wider(), name="h")(x)


def conv_bn(
    x,
    channels,
    kernel,
    *,
    name,
    stride=1,
    activation=None,
    depthwise=False,
    padding="same",
    epsilon=0.0,
):
    """Convolution without bias, batch norm, and an activation if one is named.

    Args:
        x: [n, h, w, c].
        channels: of the output; a depthwise convolution keeps its input's.
        kernel: side of the kernel, pixels.
        name: what the layers' names begin with.
        stride: of the convolution.
        activation: a Keras activation's name, or None.
        depthwise: bool, a kernel of its own for every channel.
        padding: "same" (TensorFlow's: where the stride is 2 and the side even,
            below and to the right alone), or "symmetric" (PyTorch's).
        epsilon: of the batch norm; 0: 1e-3, TensorFlow's in such nets.
    """
    if padding == "symmetric" and stride > 1:
        padding = "valid"
        pad = (kernel - 1) // 2
        x = layers.ZeroPadding2D(pad, name=f"{name}_pad")(x)
    else:
        padding = "same"
    start = keras.initializers.VarianceScaling(
        scale=2.0, mode="fan_out", distribution="truncated_normal"
    )
    if depthwise:
        convolution = layers.DepthwiseConv2D(
            kernel,
            stride,
            padding,
            use_bias=False,
            depthwise_initializer=start,
            name=f"{name}_conv",
        )
    else:
        convolution = layers.Conv2D(
            channels,
            kernel,
            stride,
            padding,
            use_bias=False,
            kernel_initializer=start,
            name=f"{name}_conv",
        )
    x = BatchNorm(epsilon=epsilon or 1e-3, name=f"{name}_bn")(convolution(x))
    if activation is None:
        return x
    return layers.Activation(activation, name=f"{name}_{activation}")(x)


def squeeze_excite(x, squeezed, *, name, activation, gate):
    """Scales each channel by a gate computed from the whole image.

    Args:
        x: [n, h, w, c].
        squeezed: channels between the two 1x1 convolutions.
        name: what the layers' names begin with.
        activation, gate: Keras activations' names, between and at the end.
    """
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(
        x
    )
    for channels, end, i in ((squeezed, activation, 1), (x.shape[-1], gate, 2)):
        weights = layers.Conv2D(
            channels, 1, activation=end, name=f"{name}_conv{i}"
        )(weights)
    return layers.Multiply(name=name)([x, weights])


@keras.saving.register_keras_serializable(package="simclr")
class LayerScale(layers.Layer):
    """Multiplies every channel by a weight of its own, which starts small.

    Args:
        start: value of the weights at first.
        **kwargs: as in keras.layers.Layer.
    """

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        """Makes the weights, [c]."""
        self.scale = self.add_weight(
            shape=(shape[-1],),
            initializer=keras.initializers.Constant(self.start),
            name="scale",
        )

    def call(self, x):
        """[..., c] to the same shape."""
        return x * self.scale

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "start": self.start}
