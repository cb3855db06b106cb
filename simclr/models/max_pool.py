"""Max pooling whose gradient has the same bits in every process.

Letters: n images, h w an image's height and width, c channels.
"""

import functools

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="simclr")
class MaxPool(keras.layers.MaxPooling2D):
    """Keras's MaxPooling2D, its gradient a function of its own.

    On a CPU TensorFlow exchanges MaxPoolGrad for oneDNN's kernel only where it
    has exchanged MaxPool before. In the loop of a training call it may meet
    them in either order, by addresses in memory, and the two kernels sum
    overlapping windows in another order (docs/faults.md). In a function
    without a loop MaxPool comes first.

    Config is Keras's, so that a model can be rebuilt with
    keras.layers.MaxPooling2D in this class's place.
    """

    def call(self, inputs):
        """[n, h, w, c] to [n, h', w', c]; data_format is "channels_last"."""
        pool = _pool(self.pool_size, self.strides, self.padding.upper())
        return pool(inputs)


@functools.cache
def _pool(size, strides, padding):
    """A function of a tensor [n, h, w, c]; `size` and `strides` are pairs."""
    windows = {
        "ksize": [1, *size, 1],
        "strides": [1, *strides, 1],
        "padding": padding,
    }

    # Inlined it would be in the loop again.
    @tf.function(experimental_attributes={"_noinline": True}, autograph=False)
    def gradient(x, dy):
        y = tf.raw_ops.MaxPool(input=x, **windows)
        return tf.raw_ops.MaxPoolGrad(
            orig_input=x, orig_output=y, grad=dy, **windows
        )

    @tf.custom_gradient
    def pool(x):
        y = tf.raw_ops.MaxPool(input=x, **windows)
        return y, functools.partial(gradient, x)

    return pool
