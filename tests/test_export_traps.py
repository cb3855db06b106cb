"""What simclr export goes round, for others have not mended it yet.

When one of these fails its fault is mended: take it out of docs/export.md, and
see whether simclr/export can be simpler.
"""

import importlib
import pathlib

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from ai_edge_litert.interpreter import Interpreter

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:keras")


def pixels(*shape):
    return np.random.default_rng(0).uniform(3, 4, shape).astype(np.float32)


@pytest.mark.parametrize(
    "kind", [keras.layers.Resizing, keras.layers.CenterCrop]
)
def test_a_resizing_layer_puts_batch_norm_into_training_mode(kind):
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((8, 8, 3)), kind(4, 4), norm])
    x = pixels(2, 8, 8, 3)
    # By the statistics at the start, 0 and 1, the mean stays about 3.5.
    assert np.mean(model.predict_on_batch(x)) == pytest.approx(3.5, abs=0.2)
    assert abs(np.mean(model(x))) < 0.1


@pytest.mark.parametrize(
    "layer, more",
    [
        (lambda: keras.layers.Normalization(mean=0.5, variance=0.2), 2),
        (lambda: keras.ops.ones([3]).__add__, 1),
    ],
    ids=["Normalization", "a tensor"],
)
def test_a_tensor_becomes_an_input_of_the_onnx_file(tmp_path, layer, more):
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layer()(x))
    model(pixels(1, 3))  # Keras exports only what was called.
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx", verbose=False)
    assert len(onnx.load(path).graph.input) == 1 + more


def resize(method):
    """A resize of TensorFlow to 4 x 4 pixels, as a function of images."""
    return tf.function(
        lambda x: tf.image.resize(x, (4, 4), method=method),
        [tf.TensorSpec([None, 9, 13, 3], tf.float32, "x")],
    )


def in_onnx(function):
    """The session of a function's ONNX file."""
    model, _ = tf2onnx.convert.from_function(function, function.input_signature)
    return onnxruntime.InferenceSession(model.SerializeToString())


def test_area_is_wrong_in_onnx_without_a_word():
    x = pixels(1, 9, 13, 3)
    for method, is_right in (("bilinear", True), ("area", False)):
        right = resize(method)(x).numpy()
        [said] = in_onnx(resize(method)).run(None, {"x": x})
        assert (np.abs(said - right).max() < 1e-5) == is_right, method


def test_bicubic_does_not_run_in_onnx():
    with pytest.raises(Exception, match="Cubic"):
        in_onnx(resize("bicubic"))


def test_gelu_runs_in_onnx_by_our_own_erfc():
    """tf2onnx has none: without the import the file does not load."""
    theirs = pathlib.Path(tf2onnx.__file__).parent.rglob("*.py")
    assert not [path for path in theirs if "Erfc" in path.read_text("utf-8")]
    importlib.import_module("simclr.export.onnx_file")
    gelu = tf.function(
        tf.nn.gelu, input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")]
    )
    x = pixels(4, 3) - 3.5
    [said] = in_onnx(gelu).run(None, {"x": x})
    np.testing.assert_allclose(said, gelu(x), atol=1e-6)


@pytest.mark.parametrize("method", ["bicubic", "area"])
def test_a_resize_that_litert_does_not_have(method):
    one = resize(method)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [one.get_concrete_function()], one
    )
    with pytest.raises(Exception, match="is neither a custom op nor a flex op"):
        converter.convert()


def test_a_hand_made_converter_loses_the_weights():
    """TFLiteConverter.from_concrete_functions, given the model of Keras."""
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization()]
    )
    one = tf.function(model, [tf.TensorSpec([None, 4], tf.float32, "x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [one.get_concrete_function()], model
    )
    net = Interpreter(model_content=converter.convert())
    x = np.ones([1, 4], np.float32)
    [said] = net.get_signature_runner("serving_default")(x=x).values()
    assert not np.allclose(said, model.predict_on_batch(x))
