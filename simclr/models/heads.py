"""The projection head g and the linear probe.

Letters: n rows, f features, d projection dimensions, k classes.
"""

import functools

import keras
from keras import layers

from simclr.messages.errors import InputError
from simclr.models.batch_norm import BatchNorm
from simclr.models.dtypes import float32_or_wider

_INITS = {
    "normal": functools.partial(keras.initializers.RandomNormal, stddev=0.01),
    "glorot": keras.initializers.GlorotUniform,
    "zeros": keras.initializers.Zeros,
}


def build_head(model, features):
    """The projection head g of a config.Model on `features` features."""
    return projection_head(
        features,
        model.head_dim,
        model.head_layers,
        hidden_dim=model.head_hidden,
        last_norm=model.head_norm,
        hidden_norm=model.head_hidden_norm,
        init=model.head_init,
    )


def build_head_up_to(model, features, layer):
    """The projection head's first `layer` layers.

    Args:
        model: the config.Model.
        features: f, what comes in.
        layer: 1 for the first hidden layer, ...; model.head_layers for z.

    Returns:
        keras.Model from [n, f] to the layer's output; its variables are named
        as those of the whole head.
    """
    head = build_head(model, features)
    end = "z" if layer == model.head_layers else f"layer{layer}"
    return keras.Model(head.input, head.output[end], name="head")


def projection_head(
    in_dim,
    out_dim=128,
    num_layers=3,
    *,
    hidden_dim=0,
    last_norm=True,
    hidden_norm=True,
    init="normal",
):
    """The projection head g, z = g(h).

    Hidden layers are Dense, batch norm, ReLU and as wide as the input; the
    last is Dense and batch norm without an offset (SimCLRv2's code). Two
    layers are SimCLR v1's head, three SimCLRv2's, one a linear head, and none
    leaves z = h. Barlow Twins' projector has three layers of 8192 and no
    batch norm after the last (arXiv 2103.03230; its loss has one).

    Args:
        in_dim: f, features that come in.
        out_dim: d; unused when there are no layers.
        num_layers: Dense layers, 0 or more.
        hidden_dim: width of the hidden layers; 0: f.
        last_norm: batch norm after the last layer.
        hidden_norm: batch norm after each hidden layer.
        init: of the kernels, of _INITS: "normal" with deviation 0.01
            (SimCLR's code) or "glorot" (the RandBits notebook's).

    Returns:
        A functional keras.Model from [n, f] to a dict of "layer0" (the input),
        "layer1", ... (the hidden layers, [n, f]) and "z" ([n, d], at least
        float32): a classifier may start from any of them.

    Raises:
        InputError: num_layers or hidden_dim is below 0.
    """
    for name, value in {
        "num_layers": num_layers,
        "hidden_dim": hidden_dim,
    }.items():
        if value < 0:
            raise InputError(f"{name}={value} must be at least 0.")
    wide = float32_or_wider()
    x = keras.Input((in_dim,), dtype=wide, name="layer0")
    inputs, ends = x, {"layer0": x}
    for i in range(1, num_layers):
        x = _dense(x, hidden_dim or in_dim, init, f"layer{i}_dense")
        if hidden_norm:
            x = BatchNorm(name=f"layer{i}_bn")(x)
        x = layers.ReLU(name=f"layer{i}_relu")(x)
        ends[f"layer{i}"] = x
    if num_layers:
        x = _dense(x, out_dim, init, "z_dense")
    if num_layers and last_norm:
        ends["z"] = BatchNorm(center=False, dtype=wide, name="z_bn")(x)
    else:
        ends["z"] = layers.Identity(dtype=wide, name="z")(x)
    return keras.Model(inputs, ends, name="head")


def linear_probe(in_dim, num_classes, *, init="normal", name="probe"):
    """A linear classifier, built: [n, f] to logits [n, k], at least float32.

    Args:
        in_dim: f.
        num_classes: k.
        init: of the kernel: as of a projection head, or "zeros".
        name: of the layer.
    """
    probe = layers.Dense(
        num_classes,
        kernel_initializer=_INITS[init](),
        dtype=float32_or_wider(),
        name=name,
    )
    probe.build((None, in_dim))
    return probe


def _dense(x, units, init, name):
    return layers.Dense(
        units, use_bias=False, kernel_initializer=_INITS[init](), name=name
    )(x)
