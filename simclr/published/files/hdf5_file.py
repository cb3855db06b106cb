"""Keras's files of weights: .weights.h5, .h5 and .keras, arrays alone.

No layer is made of what a file says, so that no code in one, such as a Lambda
layer's, can run. A .keras file is a zip whose model.weights.h5 is read.
"""

import collections
import io
import re
import zipfile

import numpy as np

from simclr.messages.errors import InputError
from simclr.published.files.source import Source

_INSIDE = "model.weights.h5"  # Of a .keras file.
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# Keras 3 numbers a layer's variables; a group is called after its class.
_VARIABLES = {
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": _NORM,
    "layer_normalization": _NORM[:2],
    "layer_scale": ("gamma",),
    "normalization": ("mean", "variance", "count"),
}


def read(path):
    """Lists a file of Keras's.

    Returns:
        Source, whose names are "layer/variable".

    Raises:
        InputError: it is damaged, or does not name its layers.
    """
    import h5py

    try:
        file = h5py.File(_bytes_of(path), "r")
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a whole Keras file ({error})."
        ) from None
    with file:
        arrays, left = {}, collections.Counter()
        found = []

        def visit(key, item):
            if isinstance(item, h5py.Dataset):
                found.append((key, item))

        try:
            file.visititems(visit)
            for key, item in found:
                words = _left_out(key)
                if words:
                    left[words] += 1
                    continue
                name = _name(key, item)
                if name is None or name in arrays:
                    raise InputError(
                        f"{path} does not tell the layer of {key}: save it "
                        "with Keras 3.10 or later, as .weights.h5 or .keras."
                    )
                arrays[name] = np.asarray(item)
        except (OSError, RuntimeError, MemoryError) as error:
            raise InputError(
                f"{path} is not a whole Keras file ({error})."
            ) from None
    return Source(
        kind="Keras file",
        shapes={name: array.shape for name, array in arrays.items()},
        names={"keras": {name: name for name in arrays}},
        read=arrays.__getitem__,
        left=dict(left),
    )


def _left_out(key):
    """Words for what is no weight; None for a weight."""
    if re.match(r"optimizer|top_level_model", key):
        return "optimizer's values"
    return "states of dropout" if "seed_generator" in key else None


def _bytes_of(path):
    """What h5py opens: the path, or the file in a .keras."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as zipped:
        return io.BytesIO(zipped.read(_INSIDE))


def _name(key, item):
    """ "layer/variable" of a dataset; None where the file does not tell."""
    scopes = key.split("/")
    if len(scopes) < 2:
        return None
    if scopes[-2] != "vars":  # Before Keras 3: stem_conv/stem_conv/kernel:0.
        return "/".join(scopes[-2:]).removesuffix(":0")
    layer = item.parent.attrs.get("name")
    kind = re.sub(r"_\d+$", "", scopes[-3]) if len(scopes) > 2 else ""
    names = _VARIABLES.get(kind, ())
    place = int(scopes[-1]) if scopes[-1].isdigit() else len(names)
    if layer is None or place >= len(names):
        return None
    layer = layer.decode() if isinstance(layer, bytes) else layer
    return f"{layer}/{names[place]}"
