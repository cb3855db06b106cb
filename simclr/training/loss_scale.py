"""Dynamic loss scaling, for nets that compute in float16.

Gradients of float16 activations are small enough to become 0. So the loss is
multiplied by a scale, and what comes back is divided by it (Micikevicius et al.
2018, arXiv 1710.03740, Section 3.2). Where that was too much, a gradient is not
finite: the step is skipped and the scale halved. After many good steps in a row
it is doubled.
"""

import keras
import tensorflow as tf

FIRST = 2.0**15
GROWS_AFTER = 2000  # Good steps in a row.


class LossScale(keras.layers.Layer):
    """The scale, and how many steps in a row were good; both are state.

    Build it inside the strategy's scope.

    Attributes:
        scale: float32 scalar, a power of 2.
        good_steps: int64 scalar.
    """

    def __init__(self):
        super().__init__(name="loss_scale", dtype="float32")
        # Every replica assigns the same values to a copy of its own.
        self.scale = self._scalar("scale", "float32", FIRST)
        self.good_steps = self._scalar("good_steps", "int64", 0)
        self.built = True

    def _scalar(self, name, dtype, value):
        return self.add_weight(
            shape=(),
            dtype=dtype,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            name=name,
        )

    def scaled(self, loss):
        """The loss, a scalar, times the scale."""
        return loss * tf.cast(self.scale, loss.dtype)

    def unscaled(self, gradients):
        """Gradients divided by the scale, and whether to take the step.

        Args:
            gradients: list of tensors, summed over the replicas.

        Returns:
            list of tensors: zeros where the step is to be skipped. At scale 1
                nothing is skipped: what is not finite then is so by itself,
                and the training stops at it.
            bool scalar: take the step; the same on every replica.
        """
        scale = tf.convert_to_tensor(self.scale)
        finite = tf.reduce_all(
            [tf.reduce_all(tf.math.is_finite(g)) for g in gradients]
        )
        take = finite | (scale <= 1)
        return [
            tf.where(take, g / tf.cast(scale, g.dtype), tf.zeros_like(g))
            for g in gradients
        ], take

    def follow(self, taken):
        """Moves the scale after a step that was taken or skipped."""
        scale = tf.convert_to_tensor(self.scale)
        steps = tf.where(taken, tf.convert_to_tensor(self.good_steps) + 1, 0)
        grow = steps >= GROWS_AFTER
        self.scale.assign(
            tf.where(
                taken,
                tf.where(grow, 2 * scale, scale),
                tf.maximum(scale / 2, 1),
            )
        )
        self.good_steps.assign(tf.where(grow, tf.zeros_like(steps), steps))


def apply(optimizer, gradients, variables, *, take):
    """An optimizer's step where `take` says so; else it only counts it.

    A select, not a condition: replicas meet inside an optimizer's step, and a
    condition would make a device wait for the host.

    Args:
        optimizer: Keras optimizer, built.
        gradients: list of tensors.
        variables: list of Keras variables.
        take: bool scalar.
    """
    kept = [
        v
        for v in [*variables, *optimizer.variables]
        if v is not optimizer.iterations
    ]
    before = [tf.identity(tf.convert_to_tensor(v)) for v in kept]
    optimizer.apply(gradients, variables)

    def put_back(strategy, before, take):
        for variable, value in zip(kept, before):
            strategy.extended.update(
                variable.value,
                lambda v, old, take: v.assign(tf.where(take, v, old)),
                args=(value, take),
                group=False,
            )

    tf.distribute.get_replica_context().merge_call(put_back, (before, take))
