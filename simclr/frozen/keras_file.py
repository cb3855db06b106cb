"""A .keras file as a Net: layers of Keras's own, and no Python of others.

Such a file names the classes that it is made of, and Keras imports them. What
is named is looked at before Keras sees it.
"""

import re
import zipfile

import numpy as np

from simclr.frozen.net import NHWC, Net, sizes
from simclr.frozen.preprocessing import BYTES
from simclr.messages.errors import InputError, first_line
from simclr.storage import json_text

_KERAS = re.compile(
    r"keras(\.src)?(\.(layers|models|ops|initializers|regularizers|constraints"
    r"|activations|dtype_policies|quantizers|applications)(\.\w+)*)?"
)
# The only functions, not classes, that a file may name.
_ACTIVATIONS = re.compile(r"keras(\.src)?\.activations(\.\w+)*")
# Keras's own that hold the code, or the graph, of others.
_OTHERS_CODE = {
    *("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer"),
    *("JaxLayer", "FlaxLayer"),
}
_PLAIN = re.compile(r"__\w+__")  # Tensors, tuples, slices: values, no classes.
# Scales that turn bytes to numbers of about 1 are smaller, 1 / 127.5 or so.
_OF_BYTES = 1 / 16


def open_keras(path):
    """Reads a .keras file.

    Args:
        path: of the file.

    Returns:
        Net.

    Raises:
        InputError: it is damaged, holds code or a class that is not Keras's
            own, or does not go from one batch of images.
    """
    _require_plain(path)
    import keras
    import tensorflow as tf

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = first_line(error)
        raise InputError(f"{path} cannot be read: {reason}") from error
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1:
        raise InputError(
            f"{path} takes {len(inputs or ())} inputs; an encoder takes one, "
            "images."
        )
    function = tf.function(
        lambda x: model(x, training=False), reduce_retracing=True
    )
    # A Sequential has no names of outputs.
    names = getattr(model, "output_names", None) or [model.layers[-1].name]

    def run(images):
        """The outputs by their names."""
        found = function(tf.constant(images))
        if not isinstance(found, dict):
            found = dict(zip(names, tf.nest.flatten(found)))
        return {name: np.asarray(x) for name, x in found.items()}

    pixels, reason = _own_pixels(model)
    return Net(
        run=run,
        shape=sizes(inputs[0].shape),
        dtype=np.dtype(inputs[0].dtype),
        layout=NHWC,
        pixels=pixels,
        reason=reason,
    )


def _require_plain(path):
    """Stops where a file names a class that is not Keras's own."""
    try:
        with zipfile.ZipFile(path) as file:
            config = json_text.parse(file.read("config.json"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is no .keras file, or a damaged one: {error}."
        ) from None
    found = [config]
    while found:
        node = found.pop()
        if isinstance(node, list):
            found += node
        elif isinstance(node, dict):
            found += node.values()
            if "class_name" in node:
                _require_own(path, node)


def _require_own(path, node):
    name, module = node["class_name"], node.get("module")
    if name in _OTHERS_CODE:
        raise InputError(
            f"{path} holds a {name.strip('_')}, whose code or graph is not "
            "Keras's own: it is not run. Export the net as a SavedModel, "
            "model.export(FOLDER), or as ONNX."
        )
    plain = module is None and isinstance(name, str) and _PLAIN.fullmatch(name)
    own = (
        isinstance(module, str)
        and isinstance(name, str)
        # A dotted name would reach past the module.
        and name.isidentifier()
        and (_ACTIVATIONS if name == "function" else _KERAS).fullmatch(module)
    )
    if not plain and not own:
        raise InputError(
            f"{path} needs {module or 'a custom class'}.{name}, which is not "
            "Keras's own: no Python of others is run. Export the net as a "
            "SavedModel, model.export(FOLDER), or as ONNX."
        )


def _own_pixels(model):
    """(normalization that the first layers ask for, what they are)."""
    from keras import layers

    for layer in model._flatten_layers():
        if isinstance(layer, layers.Rescaling):
            of_bytes = np.max(np.abs(layer.scale)) < _OF_BYTES
        elif isinstance(layer, layers.Normalization):
            of_bytes = np.max(np.abs(layer.mean)) > 2
        elif isinstance(layer, layers.InputLayer) or not layer.weights:
            continue
        elif list(layer._flatten_layers(include_self=False)):
            continue  # A model in a model: its layers come next.
        else:
            break
        return BYTES if of_bytes else "none", f"its own {layer.name}"
    return "", ""
