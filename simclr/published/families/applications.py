"""ImageNet weights of keras.applications, of its cache or fetched by Keras."""

import os

import keras

from simclr.messages.errors import InputError, first_line
from simclr.published.files.source import Source

# (backbone, depth of a ResNet) -> (Keras's function, its file).
_NETS = {
    ("mobilenet_v3_small", 0): (
        "MobileNetV3Small",
        "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    ),
    ("mobilenet_v3_large", 0): (
        "MobileNetV3Large",
        "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    ),
    ("efficientnet_v2_b0", 0): (
        "EfficientNetV2B0",
        "efficientnetv2-b0_notop.h5",
    ),
    ("convnext_tiny", 0): ("ConvNeXtTiny", "convnext_tiny_notop.h5"),
    **{
        ("resnet", depth): (
            f"ResNet{depth}",
            f"resnet{depth}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        )
        for depth in (50, 101, 152)
    },
}


def read(model):
    """The Source of a backbone's published weights.

    Args:
        model: config.Model; its name counts, and a ResNet's depth.

    Returns:
        Source, with the names of keras.applications.

    Raises:
        InputError: there are none of that backbone, or they are neither in
            Keras's cache nor to be fetched.
    """
    depth = model.depth if model.name == "resnet" else 0
    if (model.name, depth) not in _NETS:
        net = f"{model.name} of depth {depth}" if depth else model.name
        known = [f"{n} (model.depth={d})" if d else n for n, d in _NETS]
        raise InputError(
            f"--init=imagenet: keras.applications has no weights of {net}, "
            f"only of {', '.join(known)}. Say --set model.name=..., or "
            "--init=FILE (docs/pretrained.md)."
        )
    function, name = _NETS[model.name, depth]
    folder = os.path.join(_keras_home(), "models")
    path = os.path.join(folder, name)
    cached = os.path.exists(path)
    try:
        net = getattr(keras.applications, function)(
            # The file itself: Keras fetches what it knows by another checksum.
            weights=path if cached else "imagenet",
            include_top=False,
            input_shape=(224, 224, 3),
        )
    except Exception as error:  # Keras raises a bare Exception for no network.
        reason = first_line(error)
        if cached:
            raise InputError(
                f"--init=imagenet: {path} does not hold the weights of Keras's "
                f"{function} ({reason})."
            ) from None
        raise InputError(
            f"--init=imagenet: put keras.applications' file {name} into "
            f"{folder}: it is not there and could not be fetched."
        ) from None
    variables = {
        "/".join(v.path.split("/")[-2:]): v
        for v in net.variables
        if "seed_generator" not in v.path
    }
    return Source(
        kind=f"keras.applications' {function}",
        shapes={name: tuple(v.shape) for name, v in variables.items()},
        names={"keras": {name: name for name in variables}},
        read=lambda name: variables[name].numpy(),
        path=path,
    )


def _keras_home():
    """Where Keras keeps its files."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return os.path.expanduser(home)
