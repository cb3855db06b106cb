"""model.onnx, for onnxruntime."""

import json
import warnings

import numpy as np
import onnx
from tf2onnx.handler import tf_op


@tf_op("Erfc")
class _Erfc:
    """What TensorFlow makes GELU of and tf2onnx 1.17 does not know."""

    @classmethod
    def version_9(cls, graph, node, **_):
        """erfc(x) = 1 - erf(x); ONNX has Erf from version 9 on."""
        [x], outputs = node.input, node.output
        kind = {
            "shapes": [graph.get_shape(outputs[0])],
            "dtypes": [graph.get_dtype(outputs[0])],
        }
        one = graph.make_const(f"{node.name}/one", np.ones([1], np.float32))
        graph.remove_node(node.name)
        erf = graph.make_node("Erf", [x], **kind)
        graph.make_node(
            "Sub", [one.output[0], erf.output[0]], outputs=outputs, **kind
        )


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
