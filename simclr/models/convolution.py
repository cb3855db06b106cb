"""Convolutions, whose kernel's gradient some CPUs compute faster otherwise.

Letters: n images, s the side of a small image, k of a kernel, c and d channels
before and after.
"""

import functools

import keras
import tensorflow as tf

from simclr import collectives
from simclr.executors import cpus

# Measured on a Zen 4, see docs/measurements.md, "Step against PyTorch".
_SHORT = 8
_CHANNELS = 64


@keras.saving.register_keras_serializable(package="simclr")
class Conv2D(keras.layers.Conv2D):
    """Keras's Conv2D; on some CPUs its kernel learns by matrix products.

    oneDNN computes the gradient of a kernel along the rows of an image. In
    bfloat16 on a CPU without AMX it then takes 1.6 to 4.5 times as long as the
    convolution, where rows are short. A matrix product for each place of the
    kernel computes the same in a third to nine tenths of the time.

    Config is Keras's, so that a model can be rebuilt with keras.layers.Conv2D
    in this class's place.
    """

    def convolution_op(self, inputs, kernel):
        """[n, h, w, c] to [n, h', w', d]; as Keras's."""
        if not self._by_products(inputs):
            return super().convolution_op(inputs, kernel)
        convolve = _convolution(self.strides[0], self.padding.upper())
        return convolve(inputs, tf.convert_to_tensor(kernel, inputs.dtype))

    def _by_products(self, inputs):
        """Whether products compute the gradient of the kernel, and faster."""
        height, width = self.compute_output_shape(inputs.shape)[1:3]
        return (
            inputs.dtype == tf.bfloat16
            and self.data_format == "channels_last"
            and (self.groups, self.dilation_rate) == (1, (1, 1))
            and self.kernel_size == (3, 3)
            and height
            and height == width <= _SHORT
            and inputs.shape[-1] >= _CHANNELS
            and (
                (self.strides, self.padding) == ((1, 1), "same")
                or (
                    (self.strides, self.padding) == ((2, 2), "valid")
                    and inputs.shape[1:3] == (2 * height + 2, 2 * width + 2)
                )
            )
            and _slow_here()
            and not collectives.for_xla()
        )


def _slow_here():
    """Whether TensorFlow computes on a CPU with bfloat16 but without AMX."""
    devices = {
        device.device_type for device in tf.config.list_logical_devices()
    }
    flags = cpus.flags()
    return (
        devices == {"CPU"}
        and "avx512_bf16" in flags
        and "amx_bf16" not in flags
    )


@functools.cache
def _convolution(stride, padding):
    """A convolution by a 3 x 3 kernel, its gradient by products."""
    how = {"strides": [1, stride, stride, 1], "padding": padding}

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradient(dy):
            dx = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x), filter=kernel, out_backprop=dy, **how
            )
            return dx, kernel_gradient(x, dy, stride=stride)

        return tf.raw_ops.Conv2D(input=x, filter=kernel, **how), gradient

    return convolve


def kernel_gradient(x, dy, *, stride):
    """The gradient of a 3 x 3 kernel, as nine matrix products.

    Args:
        x: [n, s, s, c] convolved with zeros around it and stride 1, or
            [n, 2 s + 2, 2 s + 2, c] convolved without and stride 2.
        dy: [n, s, s, d], the gradient of what came out.
        stride: 1 or 2.

    Returns:
        [3, 3, c, d].
    """
    side, channels = dy.shape[1], x.shape[-1]
    if stride == 1:
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    else:  # Every second pixel, as channels: to skip pixels is slow.
        x = tf.nn.space_to_depth(x, 2)
    rows = tf.reshape(dy, [-1, dy.shape[-1]])
    products = []
    for i in range(3):
        for j in range(3):
            (down, odd_row), (right, odd) = divmod(i, stride), divmod(j, stride)
            first = (stride * odd_row + odd) * channels
            seen = x[
                :,
                down : down + side,
                right : right + side,
                first : first + channels,
            ]
            seen = tf.reshape(seen, [-1, channels])
            products.append(tf.matmul(seen, rows, transpose_a=True))
    return tf.reshape(tf.stack(products), [3, 3, channels, dy.shape[-1]])
