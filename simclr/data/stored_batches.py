"""Batches where the images lie on the devices: which of them, and labels.

Shapes: m = images of the source, N = images in the global batch, n = images per
replica.
"""

import numpy as np
import tensorflow as tf

from simclr.data import order, shares
from simclr.data.batch_rule import require_batch


def stored_batches(
    reader,
    rows,
    *,
    replicas,
    seed,
    batch_size,
    first_step,
    last_step,
    views=2,
    targets=None,
):
    """Batches of steps first_step .. last_step - 1, for every replica.

    The images of a step are those of batches.training_batches, in its order.

    Args:
        reader: Reader of the source.
        rows: image_array.Rows of the stored images.
        replicas, seed, batch_size, first_step, last_step, views, targets: as
            for batches.training_batches.

    Returns:
        Function of a tf.distribute.InputContext to the Dataset of that input
        pipeline: its replicas' batches, in order of step, then replica. A
        batch is a dict of "row" int32 [n], which images, "step" int64 [],
        "extents" int32 [n, 2], "label" and "replaced" int32 [n], "target"
        float32 [n, k] with targets, and "planes" float32 [n, p] of a source
        with p of them.

    Raises:
        InputError: batch_size does not divide by the replicas, or, with two
            views, is more than the images.
    """
    source = reader.source
    require_batch(source, replicas=replicas, batch_size=batch_size, views=views)
    columns = {
        "extents": rows.extents,
        "label": rows.label,
        "replaced": rows.replaced,
    }
    # Of the image that was stored, as the label is.
    if targets is not None:
        columns["target"] = targets[rows.found].astype("float32")
    if source.num_planes:
        columns["planes"] = np.stack([source.planes(i) for i in rows.found])

    def rows_of(step):
        index = order.batch_indices(
            step,
            seed=seed,
            num_examples=len(source),
            batch_size=batch_size,
            block_size=source.block_size,
        )
        return tf.cast(index, tf.int32), tf.fill([batch_size], step)

    # As in training_batches: nothing here depends on a tensor.
    @tf.autograph.experimental.do_not_convert
    def dataset(context):
        """This worker's replicas' batches, in order of step, then replica."""
        held = {name: tf.constant(x) for name, x in columns.items()}

        def batch(row, step):
            found = {name: tf.gather(x, row) for name, x in held.items()}
            return {"row": row, "step": step[0], **found}

        return shares.ready(
            shares.of_pipeline(
                rows_of,
                context,
                replicas=replicas,
                batch_size=batch_size,
                first_step=first_step,
                last_step=last_step,
            ).map(batch),
            context,
            replicas,
        )

    return dataset


def batch_spec(n, *, side, target_dims=0, planes=0):
    """What one replica gets, its images in the place of their rows.

    Args:
        n: images per replica.
        side: S of the stored images, pixels.
        target_dims: k, where targets come along; 0: none do.
        planes: p, of a source that has them.

    Returns:
        dict of tf.TensorSpec, of static shapes: as in `stored_batches`, but
        "images" uint8 [n, S, S, 3] for "row".
    """
    spec = {
        "extents": tf.TensorSpec([n, 2], tf.int32),
        "images": tf.TensorSpec([n, side, side, 3], tf.uint8),
        "label": tf.TensorSpec([n], tf.int32),
        "replaced": tf.TensorSpec([n], tf.int32),
        "step": tf.TensorSpec([], tf.int64),
    }
    if target_dims:
        spec["target"] = tf.TensorSpec([n, target_dims], tf.float32)
    if planes:
        spec["planes"] = tf.TensorSpec([n, planes], tf.float32)
    return spec
