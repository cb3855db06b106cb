"""What evaluation sees of an image, of Keras's own operations.

data/images/center_crop.py's rule as a part of an exported net, of `keras.ops`
alone, so that a file needs no code of ours. (A `keras.layers.Resizing` in a
model would put every later batch norm into training mode, and it cuts and
resizes otherwise.)

Shapes: n = images, h w = an image's height and width, s = side of a view.
"""

import keras
import numpy as np
from keras import ops

from simclr.data.images import center_crop

_CUBIC = -0.5  # Keys 1981; what tf.image.resize has.
_STEPS = 1024.0  # TensorFlow takes its weights from a table so fine.


def build(size):
    """The model from images to what the encoder sees of them.

    Views differ from center_crop.center_view's by at most 2e-6.

    Args:
        size: s, pixels.

    Returns:
        keras.Model from uint8 [n, h, w, 3] to float32 [n, s, s, 3] in [0, 1],
        for any n, h and w above 0.
    """
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = ops.cast(images, "float32")
    # Places of pixels. The shape of a symbolic tensor tells nothing here: ones
    # along an axis are counted instead.
    one = ops.ones_like(x[:1, :, :, 0])  # [1, h, w]
    row = ops.cumsum(one[0, :, :1], axis=0) - 1.0  # [h, 1]
    column = ops.cumsum(one[0, :1, :], axis=1) - 1.0  # [1, w]
    height, width = ops.sum(one[0, :, 0]), ops.sum(one[0, 0, :])
    side = ops.round(center_crop.PROPORTION * ops.minimum(height, width))
    if size <= center_crop.LARGEST_UNTOUCHED:  # Of this size, it stays whole.
        stays = ops.cast(ops.equal(height, size), "float32") * ops.cast(
            ops.equal(width, size), "float32"
        )
        side = side + stays * (size - side)
    top = ops.floor((height - side + 1.0) / 2.0)
    left = ops.floor((width - side + 1.0) / 2.0)
    rows = _weights(ops.transpose(row) - top, side, size)  # [s, h]
    columns = _weights(column - left, side, size)  # [s, w]
    x = ops.transpose(x, (0, 3, 1, 2))  # [n, 3, h, w]
    x = ops.matmul(x, ops.transpose(columns))  # [n, 3, h, s]
    x = ops.matmul(rows, x)  # [n, 3, s, s]
    x = ops.transpose(x, (0, 2, 3, 1))
    views = ops.clip(x / 255.0, 0.0, 1.0)  # Bicubic weights overshoot.
    return keras.Model(images, views, name="preprocessing")


def _weights(pixel, side, size):
    """What each pixel of a line adds to each of `size` new ones.

    Args:
        pixel: [1, p], places of pixels within the stretch that is resized.
        side: length of that stretch.
        size: s.

    Returns:
        [s, p]; rows sum to 1 and are 0 outside the stretch.
    """
    # Of NumPy: a tensor that is there already becomes an input in ONNX.
    centre = np.arange(size, dtype=np.float32)[:, None] + np.float32(0.5)
    at = ops.multiply(side / float(size), centre) - 0.5  # [s, 1]
    below = ops.floor(at)
    at = below + ops.round((at - below) * _STEPS) / _STEPS
    away = ops.abs(at - pixel)
    near = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away * away + 1.0
    far = _CUBIC * (((away - 5.0) * away + 8.0) * away - 4.0)
    weight = ops.where(
        ops.less(away, 1.0), near, ops.where(ops.less(away, 2.0), far, 0.0)
    )
    inside = ops.logical_and(
        ops.greater_equal(pixel, 0.0), ops.less(pixel, side)
    )
    weight = ops.where(inside, weight, 0.0)
    return weight / ops.sum(weight, axis=1, keepdims=True)
