"""Where a patch lies: computed from its place, or learned and resized.

Letters: d dimensions of a token.
"""

import tensorflow as tf

# Of the cubic kernel, and what PyTorch's original adds to the side that it
# resizes to: DINO's and DINOv2's code, whose published features these are.
_CUBIC, _OFFSET = -0.75, 0.1


def position_embedding(rows, columns, dim, temperature=10_000.0):
    """Sines and cosines of a patch's place, as in MoCo v3's code.

    They are computed, not learned, so that images of another size than those
    of training may be shown.

    Args:
        rows, columns: of the grid of patches, integers or integer scalars.
        dim: d, a multiple of 4.
        temperature: ratio of the longest to the shortest wave, nearly.

    Returns:
        float32 [rows * columns, d], row by row: sine and cosine of the column,
        then of the row.
    """
    omega = temperature ** (
        -tf.range(dim // 4, dtype=tf.float32) / (dim // 4)
    )  # [d / 4]
    row, column = tf.meshgrid(tf.range(rows), tf.range(columns), indexing="ij")
    angles = [
        tf.cast(tf.reshape(place, [-1, 1]), tf.float32) * omega
        for place in (column, row)
    ]
    return tf.concat([f(a) for a in angles for f in (tf.sin, tf.cos)], 1)


def resized_places(places, grid, rows, columns):
    """A learned embedding of square images' patches, for images of any size.

    By the rule of DINO's code (interpolate_pos_encoding): bicubic, without
    smoothing where it shrinks, places outside as those at the edge.

    Args:
        places: [grid * grid, d].
        grid: patches in a row of the images that it was learned on.
        rows, columns: of the grid of patches, integers or integer scalars.

    Returns:
        float [rows * columns, d], row by row; the same for the same grid.
    """
    dim = places.shape[-1]
    same = tf.logical_and(tf.equal(rows, grid), tf.equal(columns, grid))
    offset = tf.where(same, 0.0, _OFFSET)
    by_row = _cubic(grid, rows, offset, places.dtype)  # [rows, grid]
    by_column = _cubic(grid, columns, offset, places.dtype)
    square = tf.reshape(places, [grid, grid, dim])
    mixed = tf.einsum("rg,ghd->rhd", by_row, square)
    mixed = tf.einsum("ch,rhd->rcd", by_column, mixed)
    return tf.reshape(mixed, [rows * columns, dim])


def _cubic(old, new, offset, dtype):
    """[new, old]: what each new place takes of the old ones."""
    step = float(old) / (tf.cast(new, tf.float32) + offset)
    at = (tf.range(new, dtype=tf.float32) + 0.5) * step - 0.5
    below = tf.floor(at)
    past = at - below
    weights = 0.0
    for i in (-1, 0, 1, 2):
        place = tf.clip_by_value(tf.cast(below, tf.int32) + i, 0, old - 1)
        share = _kernel(tf.abs(past - i))[:, None]
        weights += share * tf.one_hot(place, old)
    return tf.cast(weights, dtype)


def _kernel(distance):
    """Keys's cubic convolution at distances from 0 to 2."""
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance - 4
    return tf.where(distance <= 1, near, _CUBIC * far)
