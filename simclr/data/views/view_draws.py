"""All random numbers of the augmentation at one step.

The two views of an image are cropped and flipped on the host (crop.py), then
coloured on the host or on the device (colour.py). Both are given numbers drawn
here and draw none themselves.
"""

import tensorflow as tf

from simclr.data import random_keys
from simclr.messages.errors import InputError

_PER_IMAGE = {
    "flip": random_keys.FLIP,
    "jitter": random_keys.JITTER,
    "brightness": random_keys.BRIGHTNESS,
    "contrast": random_keys.CONTRAST,
    "saturation": random_keys.SATURATION,
    "hue": random_keys.HUE,
    "gray": random_keys.GRAY,
    "blur": random_keys.BLUR,
    "solarize": random_keys.SOLARIZE,
}


def draw(step, *, seed, batch_size):
    """The random numbers of the global batch at `step`.

    Each is a pure function of (seed, step, row, view, purpose): replicas,
    hosts, options of the augmentation and a larger batch leave it as it is, and
    it has the same bits eagerly, in a graph, in tf.data and compiled by XLA.

    Args:
        step: Integer scalar, Python or tensor, from 0.
        seed: Python int in [0, 2**32).
        batch_size: N, images in the global batch.

    Returns:
        dict of tensors whose first axes are row and view, so that rows can be
        sliced, unbatched and batched again:
            "crop_seeds": int32 [N, 2, 2], seeds of boxes.crop_boxes.
            "flip", "jitter", "gray", "blur", "solarize": float32 [N, 2] in
                [0, 1). The operation is applied where below its probability.
            "brightness", "contrast", "saturation", "hue": float32 [N, 2] in
                [0, 1), where in its range a strength lies.
            "order": int32 [N, 2, 4], a permutation of the four jitters; one per
                view and step, repeated in every row.
            "sigma": float32 [N, 2] in [0, 1), where in its range the blur's
                sigma lies; one per view and step, repeated in every row.

    Raises:
        InputError: batch_size below 1 or a seed out of range.
    """
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} must be at least 1.")
    step = tf.cast(step, tf.int64)

    def bits(purpose, shape, dtype):
        start = tf.constant(random_keys.pack(seed, purpose), tf.int64)
        return tf.random.stateless_uniform(
            shape,
            seed=tf.stack([start, step]),
            minval=None,
            maxval=None,
            dtype=dtype,
            alg="philox",
        )

    def uniform(purpose, shape):
        # The floats of stateless_uniform differ between XLA and the rest even
        # with one algorithm; its integers do not.
        x = tf.bitwise.right_shift(bits(purpose, shape, tf.uint32), 8)
        return tf.cast(x, tf.float32) * 2.0**-24

    order = tf.argsort(uniform(random_keys.JITTER_ORDER, [2, 4]), axis=-1)
    sigma = uniform(random_keys.BLUR_SIGMA, [2])
    draws = {
        name: uniform(purpose, [batch_size, 2])
        for name, purpose in _PER_IMAGE.items()
    }
    draws["crop_seeds"] = bits(random_keys.CROP, [batch_size, 2, 2], tf.int32)
    draws["order"] = tf.tile(order[None], [batch_size, 1, 1])
    draws["sigma"] = tf.tile(sigma[None], [batch_size, 1])
    return draws
