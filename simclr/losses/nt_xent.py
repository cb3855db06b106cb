"""NT-Xent, the SimCLR loss (Chen et al. 2020, arxiv.org/abs/2002.05709).

Shapes: n = images per replica, N = images in the global batch, d = dimensions,
K = negatives of other batches.
"""

import tensorflow as tf

from simclr import collectives
from simclr.losses.candidates import gather_views, positions
from simclr.losses.inputs import projections
from simclr.losses.nt_xent_blockwise import blockwise
from simclr.messages.errors import InputError

# Candidates up to which the dense form is faster: on 2 CPU cores it is at 2,048
# and the blockwise one is at 4,096, on one replica and on four
# (benchmarks/nt_xent_blockwise.py).
DENSE_LIMIT = 2048
# As fast as 256 and 512, within a tenth; each replica of a machine holds a few
# strips, so the fewer rows the better. 64 and 32 are slower.
BLOCK = 128


def nt_xent(
    z1,
    z2,
    *,
    temperature=0.1,
    normalize=True,
    block=None,
    negatives=None,
    negatives_filled=None,
):
    """Normalized temperature-scaled cross entropy over the global batch.

    Every view is classified among the other 2N - 1 views of the global batch;
    the right answer is the other view of its own image (Eq. 1 of the paper).
    The value is the paper's mean over anchors. The published code adds the
    means of the two views' anchors instead, which is twice this.

    Negatives of other batches join the candidates of every anchor (SimCLRv2,
    arXiv 2006.10029, Section 2).

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        temperature: softmax temperature, > 0.
        normalize: whether similarities are cosines; else they are products of
            the projections as they are (Table 5 of the paper).
        block: 0 holds the [2n, 2N + K] matrix of logits (the dense form);
            above, at most so many rows of it at a time (the blockwise form,
            the same to rounding; n must be static); None: what is faster.
        negatives: [K, d] projections of other batches, unit rows, the same on
            every replica; no gradient goes into them. None: there are none.
        negatives_filled: integer scalar, how many of the negatives, from the
            first, count; None: all.

    Returns:
        loss: scalar, the mean over this replica's 2n anchors; float64 for
            float64 projections, else float32. Identical embeddings give
            log(2N - 1); with K rows that equal them, log(2N - 1 + K).
        scalars: {"accuracy": scalar of the same dtype, share of the anchors
            whose nearest candidate is their match}.

    Raises:
        InputError: the views' shapes differ, the negatives have another
            length, the temperature is not > 0, block is negative, or the number
            of rows is not static for the blockwise form.
    """
    if temperature <= 0:
        raise InputError(f"temperature={temperature} must be above 0.")
    if block is not None and block < 0:
        raise InputError(f"block={block} must not be negative.")
    z1, z2 = projections(z1, z2)
    if negatives is not None and negatives.shape[1] != z1.shape[1]:
        raise InputError(
            f"The negatives have {negatives.shape[1]} dimensions, the "
            f"projections {z1.shape[1]}."
        )
    if block is None:
        block = _fastest_block(z1.shape[0], negatives)
    if block and z1.shape[0] is None:
        raise InputError(f"block={block} needs a static number of rows.")
    z = tf.concat([z1, z2], axis=0)  # [2n, d]
    if normalize:
        z = tf.math.l2_normalize(z, axis=1)
    bias = None
    if negatives is not None:
        negatives = tf.cast(tf.stop_gradient(negatives), z.dtype)
    if negatives_filled is not None:
        filled = tf.cast(negatives_filled, tf.int32)
        bias = -1e9 * tf.cast(tf.range(negatives.shape[0]) >= filled, z.dtype)
    options = {"temperature": temperature, "negatives": negatives, "bias": bias}
    if block:
        losses, hits = blockwise(z, block=block, **options)
    else:
        losses, hits = dense(z, **options)
    return tf.reduce_mean(losses), {"accuracy": tf.reduce_mean(hits)}


def dense(z, *, temperature, negatives=None, bias=None):
    """Each anchor's cross entropy, from the whole matrix of logits.

    Args:
        z: [2n, d] rows: the first views', then the second's.
        temperature: softmax temperature, > 0.
        negatives: [K, d] further candidates without gradient, or None.
        bias: [K], added to the negatives' logits, or None.

    Returns:
        losses: [2n].
        hits: [2n] of the same dtype, 1 where the nearest candidate, the first
            among equals, is the match.
    """
    candidates = gather_views(z)  # [2N, d]
    logits = tf.matmul(z, candidates, transpose_b=True) / temperature
    itself, match = positions(tf.shape(z)[0] // 2)
    num_candidates = tf.shape(candidates)[0]
    logits -= 1e9 * tf.one_hot(itself, num_candidates, dtype=logits.dtype)
    if negatives is not None:
        more = tf.matmul(z, negatives, transpose_b=True) / temperature
        if bias is not None:
            more += bias
        logits = tf.concat([logits, more], axis=1)  # [2n, 2N + K]
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(match, logits)
    nearest = tf.argmax(logits, axis=1, output_type=tf.int32)
    return losses, tf.cast(tf.equal(nearest, match), logits.dtype)


def _fastest_block(n, negatives):
    """Rows of a strip where the blockwise form is faster, else 0."""
    if n is None:
        return 0
    candidates = 2 * n * collectives.num_replicas()
    if negatives is not None:
        candidates += negatives.shape[0]
    strips = 2 * n > BLOCK  # One strip is the whole matrix, computed twice.
    return BLOCK if strips and candidates > DENSE_LIMIT else 0
