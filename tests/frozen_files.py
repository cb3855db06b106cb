"""One small net, in each kind of file that a frozen encoder may be."""

import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SIDE, FEATURES = 16, 5


def arrays(seed=0):
    """Its weights: a convolution of 3 x 3, stride 2, then a dense layer."""
    rng = np.random.default_rng(seed)
    return {
        "conv": rng.normal(size=[3, 3, 3, 6]).astype(np.float32),
        "dense": rng.normal(size=[6, FEATURES]).astype(np.float32),
        "bias": rng.normal(size=[FEATURES]).astype(np.float32),
    }


def expected(images):
    """Its features of images as it is given them, by NumPy in float64.

    Args:
        images: [n, s, s, 3].
    """
    w = arrays()
    images = np.asarray(images, np.float64)
    places = (images.shape[1] - 3) // 2 + 1
    maps = np.zeros([len(images), places, places, 6])
    for i in range(places):
        for j in range(places):
            patch = images[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            maps[:, i, j] = np.tensordot(patch, w["conv"], 3)
    return np.maximum(maps, 0).mean((1, 2)) @ w["dense"] + w["bias"]


def keras_net(side=SIDE, first=(), channels=3):
    """The same as a keras.Model; `first` are layers before it."""
    images = x = keras.Input([side, side, channels])
    for layer in first:
        x = layer(x)
    conv = layers.Conv2D(6, 3, 2, activation="relu", use_bias=False)
    dense = layers.Dense(FEATURES)
    model = keras.Model(images, dense(layers.GlobalAvgPool2D()(conv(x))))
    if channels == 3:
        conv.set_weights([arrays()["conv"]])
    dense.set_weights([arrays()["dense"], arrays()["bias"]])
    return model


def write_keras(path, **options):
    """A .keras file; returns its path, a str."""
    keras_net(**options).save(path)
    return str(path)


def write_saved_model(folder, function=None, shape=(None, SIDE, SIDE, 3)):
    """A SavedModel's folder; returns its path, a str.

    Args:
        folder: to write.
        function: from images to an array or a dict; None: the net.
        shape: of the images.
    """
    module = tf.Module()
    module.net = keras_net(side=shape[1])
    function = function or (lambda x: {"features": module.net(x)})
    serve = tf.function(
        function, input_signature=[tf.TensorSpec(shape, tf.float32, "x")]
    )
    tf.saved_model.save(
        module, str(folder), {"serving_default": serve.get_concrete_function()}
    )
    return str(folder)


def write_onnx(
    path, *, batch="n", side=SIDE, dtype="FLOAT", layout="NCHW", pool=True
):
    """An .onnx file; returns its path, a str.

    Args:
        path: to write.
        batch, side: int, or a name where any will do.
        dtype: of the images, as onnx calls it.
        layout: of the images.
        pool: whether it ends in "features" [n, f]; else in "map" [n, f, h, w].
    """
    import onnx
    from onnx import helper, numpy_helper

    w = arrays()
    node, kind = helper.make_node, onnx.TensorProto
    shape = [batch, 3, side, side]
    nodes, x = [], "images"
    if layout == "NHWC":
        shape = [batch, side, side, 3]
        nodes.append(node("Transpose", [x], ["first"], perm=[0, 3, 1, 2]))
        x = "first"
    if dtype != "FLOAT":
        nodes.append(node("Cast", [x], ["float"], to=kind.FLOAT))
        x = "float"
    nodes += [
        node("Conv", [x, "conv"], ["c"], strides=[2, 2]),
        node("Relu", ["c"], ["map"]),
        node("ReduceMean", ["map"], ["mean"], axes=[2, 3], keepdims=0),
        node("Gemm", ["mean", "dense", "bias"], ["features"]),
    ]
    if pool:
        end = "features", [batch, FEATURES]
    else:
        nodes, end = nodes[:-2], ("map", [batch, 6, None, None])
    values = {"conv": w["conv"].transpose(3, 2, 0, 1)}
    values |= {name: w[name] for name in ("dense", "bias")} if pool else {}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", getattr(kind, dtype), shape)],
        [helper.make_tensor_value_info(end[0], kind.FLOAT, end[1])],
        [numpy_helper.from_array(x, name) for name, x in values.items()],
    )
    onnx.save(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ),
        str(path),
    )
    return str(path)


def write_json(path, **content):
    """A JSON file of some settings."""
    path.write_text(json.dumps(content))


def images(count=6, side=SIDE, seed=1):
    """float32 [n, s, s, 3] in [0, 1], no two alike."""
    rng = np.random.default_rng(seed)
    return rng.random((count, side, side, 3), np.float32)
