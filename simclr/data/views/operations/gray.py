"""Gray: the luma, as tf.image.rgb_to_grayscale has it, in all channels."""

import tensorflow as tf

_WEIGHTS = (0.2989, 0.587, 0.114)


def gray(planes, _):
    """Takes the colour out of planes, float [n, 3, s, s]."""
    red, green, blue = planes[:, 0:1], planes[:, 1:2], planes[:, 2:3]
    luma = _WEIGHTS[0] * red + _WEIGHTS[1] * green + _WEIGHTS[2] * blue
    return tf.tile(luma, [1, 3, 1, 1])
