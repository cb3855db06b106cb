"""All random numbers of the augmentation at one step.

The two views of an image are cropped and flipped on the host (host.py); then
their other operations are done on the host or on the device (colour.py). Both
are given numbers drawn here and draw none themselves.
"""

import tensorflow as tf

from simclr.data import random_keys
from simclr.data.views import operation, table
from simclr.data.views.op import Op, View
from simclr.messages.errors import InputError

# SimCLR's, whatever their chances are.
_PUBLISHED = tuple(
    View.of(map(Op, ("crop", "flip", "jitter", "gray", "blur", "solarize")))
    for _ in range(2)
)


@tf.autograph.experimental.do_not_convert  # Nothing depends on a tensor.
def draw(step, *, seed, batch_size, views=_PUBLISHED):
    """The random numbers of the global batch at `step`.

    Each is a pure function of (seed, step, row, view, purpose): replicas,
    hosts, other operations and a larger batch leave it as it is, and it has the
    same bits eagerly, in a graph, in tf.data and compiled by XLA.

    Args:
        step: Integer scalar, Python or tensor, from 0.
        seed: Python int in [0, 2**32).
        batch_size: N, images in the global batch.
        views: tuple of 2 View, whose operations need them.

    Returns:
        dict of tensors whose first axes are row and view, so that rows can be
        sliced, unbatched and batched again:
            "crop_seeds": int32 [N, 2, 2], seeds of boxes.crop_boxes.
            "flip": float32 [N, 2] in [0, 1). A view is mirrored where it is
                below the chance.
            and for every operation of one of the views:
            its name: float32 [N, 2] in [0, 1), as for "flip".
            `draw_name`'s of each of its draws: [N, 2, ...]; what is one for a
                step and view is repeated in every row.

    Raises:
        InputError: batch_size below 1 or a seed out of range.
    """
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} must be at least 1.")
    step = tf.cast(step, tf.int64)

    def bits(key, shape, dtype):
        return tf.random.stateless_uniform(
            shape,
            seed=tf.stack([tf.constant(key, tf.int64), step]),
            minval=None,
            maxval=None,
            dtype=dtype,
            alg="philox",
        )

    def uniform(key, shape):
        # The floats of stateless_uniform differ between XLA and the rest even
        # with one algorithm; its integers do not.
        x = tf.bitwise.right_shift(bits(key, shape, tf.uint32), 8)
        return tf.cast(x, tf.float32) * 2.0**-24

    def of_kind(kind, key):
        if kind == operation.SEED:
            return bits(key, [batch_size, 2, 2], tf.int32)
        if kind == operation.SHARED:
            return tf.tile(uniform(key, [2])[None], [batch_size, 1])
        if kind == operation.ORDER:
            order = tf.argsort(uniform(key, [2, 4]), axis=-1)
            return tf.tile(order[None], [batch_size, 1, 1])
        return uniform(key, [batch_size, 2])

    draws = {}
    for name, (of, copy) in _needed(views).items():
        key = (
            random_keys.pack_named(seed, name, copy - 1)
            if of.key is None
            else random_keys.pack(seed, of.key, copy - 1)
        )
        draws[name] = of_kind(of.kind, key)
    return draws


def draw_name(op, name, copy=1):
    """What `draw` calls a number.

    Args:
        op: name of the operation.
        name: one of its draws; or `op`, for its chance.
        copy: which operation of that name it is in the list, from 1.
    """
    row = table.get(op)
    known = op if name == op else row.draws[name].key is not None and name
    full = known or f"{op}.{name}"
    return full if copy == 1 else f"{full}.{copy}"


def _needed(views):
    """dict of `draw_name` -> (Draw, which of its operations it is for)."""
    found = {
        "crop_seeds": (operation.Draw(random_keys.CROP, operation.SEED), 1),
        "flip": (operation.Draw(random_keys.FLIP), 1),
    }
    for op, copy in [step for view in views for step in view.steps]:
        row = table.get(op.name)
        chance = {op.name: operation.Draw(row.key)}
        for name, of in (chance | row.draws).items():
            found[draw_name(op.name, name, copy)] = (of, copy)
    return found
