"""A queue of negatives: a momentum encoder and the projections it left.

The memory network of SimCLRv2 (Chen et al. 2020b, arXiv 2006.10029, Section 2:
"with a moving average of weights for stabilization", after MoCo, He et al.,
arXiv 1911.05722), whose output is kept as negatives for later batches.

MoCo shuffles its batches over the devices because batch norm on each alone
would give away which projections share a device with an anchor. Batch norm is
global here (simclr/models/batch_norm.py): all share one mean and one variance,
and nothing is left to give away. The queue's rows are, besides, never the match
of any anchor.

Letters: n images per replica, N in the global batch, d projection dimensions, K
projections in the queue.
"""

import math

import keras
import tensorflow as tf

from simclr import collectives
from simclr.models.dtypes import float32_or_wider


class MomentumNegatives:
    """Negatives from batches gone by; every replica holds the same.

    Build it inside the strategy's scope.

    Args:
        online: list of Keras models, encoder and head, that are trained.
        copies: list of the same models anew; they become the momentum encoder
            and head, start equal to `online` and are never trained. Their
            weights are a moving average. Their batch norm normalizes with the
            statistics of the batch, as in training, and keeps moving
            statistics of its own: those of the online nets belong to other
            weights.
        size: K.
        momentum: of the moving average, at step 0.
        final_momentum: of the moving average, at the end of the run.
        total_steps: steps of the run.

    Attributes:
        models: dict of role -> Keras model or layer, all that resuming needs.
    """

    def __init__(
        self, online, copies, *, size, momentum, final_momentum, total_steps
    ):
        self._encoder, self._head = copies
        self._schedule = (momentum, final_momentum, total_steps)
        for model, copy in zip(online, copies):
            start_equal(copy, model)
        self._averages = [
            (average, variable)
            for model, copy in zip(online, copies)
            for average, variable in zip(copy.variables, model.variables)
            if variable.trainable
        ]
        for average, _ in self._averages:
            # Not model.trainable, which would put batch norm into inference.
            average.trainable = False
        self._queue = Queue(size, self._head.output["z"].shape[-1])
        self.models = {
            "momentum_encoder": self._encoder,
            "momentum_head": self._head,
            "negatives": self._queue,
        }

    def loss_arguments(self):
        """What nt_xent takes besides the views: a dict of arguments."""
        return {
            "negatives": tf.convert_to_tensor(self._queue.projections),
            "negatives_filled": tf.convert_to_tensor(self._queue.filled),
        }

    def follow(self, step):
        """Moves the momentum encoder towards the online nets.

        Comes after the optimizer's update, so that no anchor has met its own
        image's projection of this step.

        Args:
            step: integer scalar, from 0: the step that has just been done.
        """
        share = online_share(step, *self._schedule)
        for average, variable in self._averages:
            average.assign_add(
                tf.cast(share, average.dtype) * (variable - average)
            )

    def project(self, view):
        """Unit projections [n, d] of a view [n, h, w, c]."""
        h = self._encoder(view, training=True)["h"]
        z = self._head(h, training=True)["z"]  # [n, d]
        return tf.math.l2_normalize(z, axis=1)

    def remember(self, projections):
        """Puts the projections [n, d] of every replica first, drops as many."""
        self._queue.enqueue(collectives.gather(projections))  # [N, d]


class Queue(keras.layers.Layer):
    """The last K projections, first in, first out.

    The newest lie first: then what is filled is a prefix, and a step shifts
    all rows by N with a concatenation of static shapes, as XLA likes it.

    Args:
        size: K.
        dim: d.

    Attributes:
        projections: [K, d], unit rows, the newest batch first; at least
            float32.
        filled: int64 scalar, how many rows from the start hold a projection.
    """

    def __init__(self, size, dim):
        super().__init__(name="queue")
        # Every replica assigns the same values to a copy of its own.
        self.projections = self.add_weight(
            shape=(size, dim),
            dtype=float32_or_wider(),
            initializer="zeros",
            trainable=False,
            name="projections",
        )
        self.filled = self.add_weight(
            shape=(),
            dtype="int64",  # As Keras counts steps.
            initializer="zeros",
            trainable=False,
            name="filled",
        )
        self.built = True

    def enqueue(self, projections):
        """Puts rows first and drops as many of the oldest.

        Args:
            projections: [N, d], the same on every replica.
        """
        size = self.projections.shape[0]
        rows = tf.concat(
            [tf.cast(projections, self.projections.dtype), self.projections], 0
        )
        self.projections.assign(rows[:size])
        count = tf.shape(projections, out_type=tf.int64)[0]
        self.filled.assign(
            tf.minimum(tf.convert_to_tensor(self.filled) + count, size)
        )


def start_equal(copy, model):
    """Gives `copy` the weights and moving statistics of `model`."""
    for target, source in zip(copy.variables, model.variables, strict=True):
        target.assign(source)


def online_share(step, momentum, final_momentum, total_steps):
    """How far the moving average goes to the online weights at a step.

    It is 1 - m for the momentum m of BYOL (Grill et al., arXiv 2006.07733,
    Section 3.3), whose cosine goes from `momentum` to `final_momentum` instead
    of to 1; equal values keep it constant, as MoCo does:

        m = final - (final - momentum) * (cos(pi * step / total_steps) + 1) / 2

    Args:
        step: integer scalar, from 0.
        momentum: m at step 0.
        final_momentum: m at `total_steps` and past it.
        total_steps: steps of the run.

    Returns:
        float32 scalar. Not m itself: near 1, float32 would round it.
    """
    left = 1 - tf.cast(step, tf.float32) / total_steps
    # (1 + cos(pi * (1 - left))) / 2, exact to the end, where it nears 0.
    cosine = tf.sin(math.pi / 2 * tf.clip_by_value(left, 0.0, 1.0)) ** 2
    return (1 - final_momentum) + (final_momentum - momentum) * cosine
