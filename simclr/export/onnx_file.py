"""model.onnx, for onnxruntime."""

import json
import warnings

import numpy as np
import onnx


def write(net, path):
    """Writes a net.Net; its metadata has the class names, a JSON list."""
    net.model(np.zeros([1, 8, 8, 3], np.uint8))  # Keras wants it called once.
    with warnings.catch_warnings():
        # Keras asks NumPy for a name that it no longer has.
        warnings.simplefilter("ignore", FutureWarning)
        net.model.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    onnx.helper.set_model_props(
        model, {"class_names": json.dumps(net.class_names)}
    )
    onnx.save(model, path)
