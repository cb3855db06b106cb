"""InfoNCE between the two views, without negatives of an anchor's own view.

The contrastive loss of the RandBits study (Chen, Luo and Li 2020, arXiv
2011.02803, published notebook), of CLIP and of MoCo v3.

Shapes: n = images per replica, N = images in the global batch, d = dimensions.
"""

import tensorflow as tf

from simclr import collectives
from simclr.losses.inputs import projections
from simclr.messages.errors import InputError


def info_nce(z1, z2, *, temperature=0.1):
    """Cross entropy of each view among the other views of the global batch.

    An anchor of one view is classified among the N projections of the other;
    the right answer is that of its own image. The value is the mean over the
    2N anchors; the published notebook adds the two views' means, twice this.

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        temperature: softmax temperature, > 0.

    Returns:
        loss: scalar, the mean over this replica's 2n anchors; float64 for
            float64 projections, else float32. Identical embeddings give
            log(N).
        scalars: {"accuracy": scalar of the same dtype, share of the anchors
            whose nearest candidate is their match}.

    Raises:
        InputError: the views' shapes differ, or the temperature is not > 0.
    """
    if temperature <= 0:
        raise InputError(f"temperature={temperature} must be above 0.")
    z1, z2 = (tf.math.l2_normalize(z, axis=1) for z in projections(z1, z2))
    n = tf.shape(z1)[0]
    match = collectives.replica_id() * n + tf.range(n)  # [n], our rows of N
    losses, hits = [], []
    for anchors, others in ((z1, z2), (z2, z1)):
        candidates = collectives.gather(others)  # [N, d]
        logits = tf.matmul(anchors, candidates, transpose_b=True) / temperature
        losses.append(
            tf.nn.sparse_softmax_cross_entropy_with_logits(match, logits)
        )
        nearest = tf.argmax(logits, axis=1, output_type=tf.int32)
        hits.append(tf.cast(nearest == match, logits.dtype))
    return tf.reduce_mean(losses), {"accuracy": tf.reduce_mean(hits)}
