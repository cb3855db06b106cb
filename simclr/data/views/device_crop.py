"""Random crops of a batch of images, inside the compiled step.

For where no TensorFlow feeds the device (simclr/pjrt/runner.py): the images lie
on it as they are, and a step cuts its own views out of them. The boxes are of
the same distribution as boxes.crop_boxes's, but not the same: TensorFlow's
sampler has no form that XLA knows.

Shapes: n = images, v = views, S = side of the stored images, s = of a view.
"""

import tensorflow as tf

from simclr.data import random_keys
from simclr.data.images import center_crop
from simclr.data.views.boxes import ASPECT, MIN_COVERED

# Of a square image one box in four is turned down; 16 in a row, one view in
# four thousand million.
_ATTEMPTS = 16
_CUBIC = -0.5  # Keys 1981; what tf.image.resize has.


def draw(step, *, seed, batch_size):
    """The random numbers of the boxes at `step`, as view_draws.draw's others.

    Args:
        step: integer scalar, Python or tensor, from 0.
        seed: Python int in [0, 2**32).
        batch_size: N, images in the global batch.

    Returns:
        float32 [N, 2, attempts, 4] in [0, 1).
    """
    bits = tf.random.stateless_uniform(
        [batch_size, 2, _ATTEMPTS, 4],
        seed=tf.stack(
            [
                tf.constant(random_keys.pack(seed, random_keys.BOX), tf.int64),
                tf.cast(step, tf.int64),
            ]
        ),
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg="philox",
    )
    return tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) * 2.0**-24


def boxes(extents, draws, area=(0.08, 1.0)):
    """Where random crops lie: boxes.crop_boxes's rule, as a device takes it.

    An attempt draws an aspect ratio, a height among those that keep the area
    in its range and the box in the image, and a place. It is turned down where
    the box is out of range after rounding, or covers less than a tenth of the
    image. The first that is not is taken; where all are, the whole image.

    Args:
        extents: int32 [n, 2], height and width of each image.
        draws: [n, v, attempts, 4] in [0, 1), of `draw`.
        area: smallest and largest share of the image's area.

    Returns:
        int32 [n, v, 4]: top, left, height and width.
    """
    size = tf.cast(extents, tf.float32)[:, None, None]  # [n, 1, 1, 2]
    full_height, full_width = size[..., 0], size[..., 1]
    full = full_height * full_width
    smallest, largest = area[0] * full, area[1] * full
    aspect = ASPECT[0] + draws[..., 0] * (ASPECT[1] - ASPECT[0])

    # The largest height whose width, rounded, is not beyond the image's.
    high = tf.minimum(
        tf.round(tf.sqrt(largest / aspect)),
        tf.floor((full_width + 0.5) / aspect),
    )
    high = tf.minimum(high, full_height)
    low = tf.minimum(tf.round(tf.sqrt(smallest / aspect)), high)
    height = low + tf.floor(draws[..., 1] * (high - low + 1))
    # Rounding may have put the area just out of its range.
    height += tf.cast(height * tf.round(height * aspect) < smallest, tf.float32)
    height -= tf.cast(height * tf.round(height * aspect) > largest, tf.float32)
    width = tf.round(height * aspect)
    covered = height * width
    good = (
        (covered >= tf.maximum(smallest, MIN_COVERED * full))
        & (covered <= largest)
        & (height <= full_height)
        & (width <= full_width)
        & (height * width > 0)
    )  # [n, v, attempts]
    # As published, the last place at the bottom and the right is never taken.
    top = tf.floor(draws[..., 2] * (full_height - height))
    left = tf.floor(draws[..., 3] * (full_width - width))
    found = tf.stack([top, left, height, width], axis=-1)
    first = tf.argmax(tf.cast(good, tf.int32), axis=-1, output_type=tf.int32)
    chosen = tf.gather(found, first, axis=2, batch_dims=2)  # [n, v, 4]
    whole = tf.concat([tf.zeros_like(size), size], axis=-1)[:, 0]  # [n, 1, 4]
    any_good = tf.reduce_any(good, axis=-1)[..., None]
    return tf.cast(tf.where(any_good, chosen, whole), tf.int32)


def resize(images, box, *, size):
    """Cuts boxes out and resizes them: bicubic, without antialiasing.

    As tf.image.resize of each cut, but by two products of matrices, which is
    what an accelerator does fast. TensorFlow rounds its weights to a 1,024th
    of a pixel; here they are exact.

    Args:
        images: uint8 [n, S, S, 3]; what is outside the boxes does not matter.
        box: int32 [n, 4]: top, left, height and width.
        size: s, pixels.

    Returns:
        float32 [n, s, s, 3] in the units of `images`, overshoot included.
    """
    n, side = images.shape[0], images.shape[1]
    box = tf.cast(box, tf.float32)
    rows = _weights(box[:, 0], box[:, 2], side, size)  # [n, s, S]
    columns = _weights(box[:, 1], box[:, 3], side, size)
    x = tf.reshape(tf.cast(images, tf.float32), [n, side, side * 3])
    x = tf.reshape(tf.matmul(rows, x), [n, size, side, 3])
    x = tf.transpose(x, [0, 2, 1, 3])  # [n, S, s, 3]: columns first.
    x = tf.matmul(columns, tf.reshape(x, [n, side, size * 3]))
    return tf.transpose(tf.reshape(x, [n, size, size, 3]), [0, 2, 1, 3])


def random_crops(images, extents, draws, flips, *, size, views):
    """Views of a batch of images: crop, resize, flip; see host.load_views.

    Args:
        images: uint8 [n, S, S, 3], each in the upper left corner.
        extents: int32 [n, 2], height and width of each.
        draws: [n, v, attempts, 4], of `draw`.
        flips: float32 [n, v] in [0, 1); below a view's flip_prob it is
            mirrored, left to right.
        size: s, side of a view in pixels.
        views: v op.View.

    Returns:
        list of v uint8 [n, s, s, 3].
    """
    found = {
        area: tf.unstack(boxes(extents, draws, area), axis=1)
        for area in {view.area for view in views} - {None}
    }
    crops = []
    for i, view in enumerate(views):
        box = seen(extents, size) if view.area is None else found[view.area][i]
        x = resize(images, box, size=size)
        mirrored = flips[:, i, None, None, None] < view.flip_prob
        x = tf.where(mirrored, x[:, :, ::-1], x)
        x = tf.clip_by_value(tf.round(x), 0.0, 255.0)
        crops.append(tf.cast(x, tf.uint8))
    return crops


def seen(extents, size):
    """The part of each image that evaluation sees, as center_crop.seen.

    Args:
        extents: int32 [n, 2], height and width of each image.
        size: s, pixels.

    Returns:
        int32 [n, 4]: top, left, height and width.
    """
    shorter = tf.cast(tf.reduce_min(extents, axis=1, keepdims=True), tf.float32)
    side = tf.cast(tf.round(center_crop.PROPORTION * shorter), tf.int32)
    box = tf.concat([(extents - side + 1) // 2, side, side], axis=1)
    whole = tf.concat([tf.zeros_like(extents), extents], axis=1)
    stays = tf.reduce_all(extents == size, axis=1, keepdims=True)
    if size > center_crop.LARGEST_UNTOUCHED:
        stays = tf.zeros_like(stays)
    return tf.where(stays, whole, box)


def _weights(start, length, side, size):
    """What each of `side` pixels adds to each of `size` new ones.

    Args:
        start, length: [n], the stretch that is resized.

    Returns:
        [n, size, side]; rows sum to 1 and are 0 outside the stretch.
    """
    start, length = start[:, None, None], length[:, None, None]
    centre = (tf.range(size, dtype=tf.float32) + 0.5)[:, None] / size
    pixel = tf.range(side, dtype=tf.float32) - start  # Within the stretch.
    away = tf.abs(centre * length - 0.5 - pixel)
    near = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away * away + 1
    far = _CUBIC * (((away - 5) * away + 8) * away - 4)
    weight = tf.where(away < 1, near, tf.where(away < 2, far, 0.0))
    weight = tf.where((pixel >= 0) & (pixel < length), weight, 0.0)
    return weight / tf.reduce_sum(weight, axis=-1, keepdims=True)
