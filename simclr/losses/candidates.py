"""The candidates of an anchor: both views of every image in the global batch.

Shapes: n = images per replica, N = images in the global batch, c = columns.
"""

import tensorflow as tf

from simclr import collectives


def gather_views(x):
    """Rows of both views from every replica, with gradients.

    Args:
        x: [2n, c], this replica's rows: the first views', then the second's.

    Returns:
        [2N, c]: all first views' rows in order of replica id, then all second
        views'.
    """
    both = tf.concat(tf.split(x, 2, axis=0), axis=1)  # [n, 2c]
    both = collectives.gather(both)  # [N, 2c]
    return tf.concat(tf.split(both, 2, axis=1), axis=0)


def positions(n):
    """Where this replica's 2n anchors and their matches lie among the 2N.

    Args:
        n: images per replica, an int or an int32 scalar.

    Returns:
        itself, match: int32 [2n] each, rows of what `gather_views` returns.
    """
    num_global = collectives.num_replicas() * n
    rows = collectives.replica_id() * n + tf.range(n)  # [n], our rows of N
    itself = tf.concat([rows, rows + num_global], axis=0)
    match = tf.concat([rows + num_global, rows], axis=0)
    return itself, match
