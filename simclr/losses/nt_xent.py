"""NT-Xent, the SimCLR loss (Chen et al. 2020, arxiv.org/abs/2002.05709).

Shapes: n = images per replica, N = images in the global batch, d = dimensions,
K = rows of a memory.
"""

import tensorflow as tf

from simclr.losses.precision import at_least_float32
from simclr.training import distributed


def nt_xent(z1, z2, *, temperature=0.1, memory=None, memory_filled=None):
    """Normalized temperature-scaled cross entropy over the global batch.

    Every view is classified among the other 2N - 1 views of the global batch;
    the right answer is the other view of its own image (Eq. 1 of the paper).
    The value is the paper's mean over anchors. The published code adds the
    means of the two views' anchors instead, which is twice this.

    A memory adds its rows to the candidates of every anchor, as negatives only
    (SimCLRv2, arXiv 2006.10029, Section 2).

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        temperature: softmax temperature, > 0.
        memory: [K, d] projections of other batches, unit rows, the same on
            every replica; no gradient goes into them. None: there are none.
        memory_filled: integer scalar, how many rows of the memory, from the
            first, count; None: all.

    Returns:
        loss: scalar, the mean over this replica's 2n anchors; float64 for
            float64 projections, else float32. Identical embeddings give
            log(2N - 1); with K rows that equal them, log(2N - 1 + K).
        scalars: {"accuracy": scalar of the same dtype, share of the anchors
            whose nearest candidate is their match}.

    Raises:
        ValueError: the views' shapes differ, the memory's rows have another
            length, or the temperature is not > 0.
    """
    if temperature <= 0:
        raise ValueError(f"temperature={temperature} must be above 0.")
    z1, z2 = at_least_float32(z1, z2)
    if z1.shape != z2.shape:
        raise ValueError(
            f"The views' projections differ in shape: {z1.shape}, {z2.shape}."
        )
    if memory is not None and memory.shape[1] != z1.shape[1]:
        raise ValueError(
            f"The memory is of {memory.shape[1]} dimensions, the projections "
            f"of {z1.shape[1]}."
        )
    z1 = tf.math.l2_normalize(z1, axis=1)
    z2 = tf.math.l2_normalize(z2, axis=1)
    both = distributed.gather(tf.concat([z1, z2], axis=1))  # [N, 2d]
    all_z1, all_z2 = tf.split(both, 2, axis=1)  # 2 x [N, d]

    anchors = tf.concat([z1, z2], axis=0)  # [2n, d]
    candidates = tf.concat([all_z1, all_z2], axis=0)  # [2N, d]
    logits = tf.matmul(anchors, candidates, transpose_b=True) / temperature

    n, num_global = tf.shape(z1)[0], tf.shape(all_z1)[0]
    rows = distributed.replica_id() * n + tf.range(n)  # [n], our rows of N
    itself = tf.concat([rows, rows + num_global], axis=0)  # [2n]
    match = tf.concat([rows + num_global, rows], axis=0)  # [2n]
    logits -= 1e9 * tf.one_hot(itself, 2 * num_global, dtype=logits.dtype)

    if memory is not None:
        memory = tf.cast(tf.stop_gradient(memory), logits.dtype)
        negatives = tf.matmul(anchors, memory, transpose_b=True) / temperature
        if memory_filled is not None:
            empty = tf.range(memory.shape[0]) >= tf.cast(
                memory_filled, tf.int32
            )
            negatives -= 1e9 * tf.cast(empty, logits.dtype)
        logits = tf.concat([logits, negatives], axis=1)  # [2n, 2N + K]

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(match, logits)
    nearest = tf.argmax(logits, axis=1, output_type=tf.int32)
    hits = tf.cast(tf.equal(nearest, match), logits.dtype)
    return tf.reduce_mean(losses), {"accuracy": tf.reduce_mean(hits)}
