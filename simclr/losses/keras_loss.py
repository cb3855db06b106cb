"""An objective as a Keras loss, for anybody's own `fit`.

Shapes: n = images per replica, N = images in the global batch, d = dimensions,
R = replicas.
"""

import keras
import tensorflow as tf

from simclr.losses import objectives
from simclr.messages.errors import InputError


@keras.saving.register_keras_serializable(package="simclr")
class Objective(keras.losses.Loss):
    """An objective of objectives.py as a keras.losses.Loss of two views.

        loss = Objective("nt_xent", temperature=0.1)
        loss(z1, z2)  # z1, z2: [n, d], rows in the same order.

    It returns this replica's share of the global batch's loss, as all of
    Keras's losses do: the loss divided by R. Keras sums gradients over the
    replicas, so that they are those of one big batch. Every replica must have
    as many rows (batches with drop_remainder=True).

    Args:
        objective: its name, such as "nt_xent" or "barlow_twins".
        name: of the loss; None: the objective's.
        dtype: what it computes in; None: keras.config.floatx(), float32.
        **options: of the objective, except for kept negatives. `seed` is an int
            here; what draws at random draws anew in every call, and is to be
            made within the strategy's scope.

    Raises:
        InputError: no such objective or option, or a value out of its range.
    """

    def __init__(self, objective, *, name=None, dtype=None, **options):
        super().__init__(name=name or objective, dtype=dtype)
        objectives.check(objective, negatives=False)
        known = objectives.options(objective) - {
            "negatives",
            "negatives_filled",
        }
        for option in options:
            if option not in known:
                raise InputError(
                    f"{objective} has no option {option!r}; it has "
                    f"{', '.join(sorted(known)) or 'none'}."
                )
        if type(options.get("seed", 0)) is not int:
            raise InputError(
                f"seed={options['seed']} must be an int: the loss draws anew "
                "in every call by itself."
            )
        self.objective, self.options = objective, options
        self._draws = None
        if "seed" in known:
            # On a GPU int32 variables lie on the host, out of XLA's reach.
            self._draws = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        objectives.get(objective)(  # Refuses bad values now, not in a step.
            tf.ones([1, 2]), tf.ones([1, 2]), **{**options, **self._seed(0)}
        )

    def __call__(self, z1, z2, sample_weight=None):
        """The loss of [n, d] projections; its rows cannot be weighted."""
        if sample_weight is not None:
            raise InputError(
                f"{self.name} compares the images of a batch with each other: "
                "it takes no sample_weight."
            )
        return super().__call__(z1, z2)

    def call(self, z1, z2):
        """The loss as one value [1], whose mean over replicas Keras takes."""
        options = dict(self.options)
        if self._draws is not None:
            options |= self._seed(self._next_draw())
        loss, _ = objectives.get(self.objective)(z1, z2, **options)
        return tf.reshape(loss, [1])  # Of a scalar, Keras takes no mean.

    def get_config(self):
        """Arguments of the constructor."""
        return {
            "objective": self.objective,
            "name": self.name,
            "dtype": self.dtype,
            **self.options,
        }

    def _seed(self, draw):
        """The option of a random objective; none for the others."""
        if self._draws is None:
            return {}
        first = self.options.get("seed", 0)
        return {"seed": tf.stack([first, tf.cast(draw, tf.int32)])}

    def _next_draw(self):
        """How many draws there were, the same on every replica."""
        replicated = isinstance(self._draws, tf.distribute.DistributedValues)
        if tf.distribute.has_strategy() and not replicated:
            raise InputError(
                f"{self.name} draws at random: make it within the strategy's "
                "scope, so that every replica draws the same."
            )
        draw = tf.identity(self._draws)
        self._draws.assign_add(1)
        return draw
