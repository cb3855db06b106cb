"""ConvN, the small net of the RandBits study for MNIST's 28 pixels.

Chen, Luo and Li 2020, arXiv 2011.02803, published notebook: three convolutions
of stride 2 without padding, then a layer on all that is left of the image.
"""

import math

import keras
from keras import layers

from simclr.models.batch_norm import BatchNorm
from simclr.models.encoders.layers import images, mean_features

_LEFT = 2  # Side of what three convolutions leave of 28 pixels.


def conv_n(*, width=1.0, normalization="none", extra_planes=0):
    """Images [n, h, w, 3 + p] in [0, 1] to 128 features, times the width.

    The net sees grey, the mean of the colours, and the planes behind them.

    Args:
        width: multiplies every number of channels.
        normalization: of the pixels, a name of NORMALIZATIONS.
        extra_planes: p.

    Returns:
        keras.Model to a dict of the parts' ends and "h". Of images larger than
        28 pixels h is the mean over places; 23 are the least.
    """
    inputs, x = images(normalization, extra_planes)
    grey = keras.ops.mean(x[..., :3], axis=-1, keepdims=True)
    x = keras.ops.concatenate([grey, x[..., 3:]], -1) if extra_planes else grey
    ends = {}
    for i, channels in enumerate((32, 64, 64), start=1):
        name = f"group{i}"
        convolution = layers.Conv2D(
            round(width * channels), 3, 2, use_bias=False, name=f"{name}_conv"
        )
        x = ends[name] = _norm_relu(convolution(x), name)
    # A layer on 2 x 2 places is a convolution of that size, which takes other
    # images, too; it starts as the layer would.
    features = round(128 * width)
    limit = math.sqrt(6 / (_LEFT**2 * x.shape[-1] + features))
    last = layers.Conv2D(
        features,
        _LEFT,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        name="final_conv",
    )
    ends["final"] = _norm_relu(last(x), "final")
    ends["h"] = mean_features(ends["final"])
    return keras.Model(inputs, ends, name="conv_n")


def _norm_relu(x, name):
    """Batch norm with Keras's epsilon, as published, and ReLU."""
    x = BatchNorm(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
