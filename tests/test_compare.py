"""simclr import --check: every kind of SavedModel that was published."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.published import compare

IMAGES = tf.TensorSpec([None, None, None, 3], tf.float32)


def encoder(images, training):
    """Stands for an imported net: the mean of each channel."""
    assert training is False
    return tf.reduce_mean(images, [1, 2])


class Callable(tf.Module):
    """As the TF2 program exports: module(inputs, trainable)."""

    def __init__(self, factor, name="final_avg_pool"):
        super().__init__()
        self.factor, self.output = tf.Variable(factor), name

    @tf.function
    def __call__(self, inputs, trainable):
        return {self.output: self.factor * tf.reduce_mean(inputs, [1, 2])}


def write(module, folder):
    module.__call__.get_concrete_function(IMAGES, trainable=False)
    tf.saved_model.save(module, str(folder))
    return str(folder)


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_the_difference_is_relative(factor, tmp_path):
    folder = write(Callable(factor), tmp_path)
    difference = compare.largest_difference(encoder, folder, image_size=8)
    np.testing.assert_allclose(difference, 1 - 1 / factor, atol=1e-6)


def test_hub_module_of_tf1(tmp_path):
    """Two graphs, told apart by their tags; inputs and outputs by name."""
    folder = str(tmp_path / "hub")
    builder = tf.compat.v1.saved_model.Builder(folder)
    for i, tags in enumerate(([], ["train"])):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            images = tf.compat.v1.placeholder(tf.float32, IMAGES.shape)
            mean = tf.reduce_mean(images, [1, 2]) + i
            variable = tf.compat.v1.get_variable("unused", [1])
            session.run(variable.initializer)
            signature = tf.compat.v1.saved_model.predict_signature_def(
                {"images": images}, {"final_avg_pool": mean}
            )
            signatures = {"default": signature}
            if i:
                builder.add_meta_graph(tags, signature_def_map=signatures)
            else:
                builder.add_meta_graph_and_variables(
                    session, tags, signature_def_map=signatures
                )
    builder.save()
    assert compare.largest_difference(encoder, folder, image_size=8) < 1e-6


def test_other_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no output final_avg_pool, only h"):
        compare.largest_difference(
            encoder, write(Callable(1.0, "h"), tmp_path / "a"), image_size=8
        )
    with pytest.raises(ValueError, match="--check=/no/such"):
        compare.largest_difference(encoder, "/no/such", image_size=8)
    tf.saved_model.save(tf.Module(), str(tmp_path / "b"))
    with pytest.raises(ValueError, match="is not callable"):
        compare.largest_difference(encoder, str(tmp_path / "b"), image_size=8)
