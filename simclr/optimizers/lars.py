"""LARS, layer-wise adaptive rate scaling (You et al., arXiv 1708.03888)."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="simclr")
class LARS(keras.optimizers.Optimizer):
    """LARS with momentum, in SimCLR's two forms.

    For a weight w with gradient g:

        g += weight_decay * w
        classic momentum (SimCLR's default):
            q = trust_coefficient * |w| / |g|
            v = momentum * v + learning_rate * q * g
            u = momentum * v + learning_rate * q * g if nesterov else v
            w -= u
        otherwise:
            v = momentum * v + g
            u = momentum * v + g if nesterov else v
            q = trust_coefficient * |w| / |u|
            w -= learning_rate * q * u

    q is 1 where |w| or the norm below it is 0. Excluded variables are not
    decayed and have q = 1. In the classic form the learning rate is inside the
    buffer v, so that a change of it acts with the momentum's delay. Scaling
    the gradient of a variable that is not excluded and not decayed leaves a
    classic step as it is.

    Args:
        learning_rate: float or a keras LearningRateSchedule.
        momentum: share of v that is kept.
        weight_decay: added to the gradient, times w (not Keras's decoupled
            decay).
        trust_coefficient: "eeta" in the published code.
        classic_momentum: the learning rate and q enter v.
        nesterov: looks one step ahead.
        excluded: paths of excluded variables; see `exclude`.
        name: name of the optimizer.

    Raises:
        ValueError: a momentum outside [0, 1], or a weight decay or trust
            coefficient out of range.
    """

    def __init__(
        self,
        learning_rate,
        *,
        momentum=0.9,
        weight_decay=0.0,
        trust_coefficient=0.001,
        classic_momentum=True,
        nesterov=False,
        excluded=(),
        name="lars",
        **kwargs,
    ):
        # Keras would decay by itself, decoupled from the gradient.
        super().__init__(
            learning_rate=learning_rate, weight_decay=None, name=name, **kwargs
        )
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum={momentum} must be within [0, 1].")
        if weight_decay < 0:
            raise ValueError(
                f"weight_decay={weight_decay} must not be below 0."
            )
        if trust_coefficient <= 0:
            raise ValueError(
                f"trust_coefficient={trust_coefficient} must be above 0."
            )
        self.momentum = momentum
        self.gradient_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.classic_momentum = classic_momentum
        self.nesterov = nesterov
        self.excluded = sorted(excluded)

    def exclude(self, variables):
        """Excludes Keras variables from decay and adaptation; before `build`.

        They are stored by path, so that the choice is part of the config; all
        of them must be trained.

        Raises:
            ValueError: the optimizer is built already.
        """
        if self.built:
            raise ValueError("exclude() comes before build().")
        self.excluded = sorted({*self.excluded, *(v.path for v in variables)})

    def build(self, variables):
        """Makes one momentum slot per Keras variable.

        Raises:
            ValueError: an excluded path is not among `variables`: a model
                whose paths changed (a loaded Sequential's do) would otherwise
                be decayed where it must not.
        """
        if self.built:
            return
        paths = [v.path for v in variables]
        unknown = sorted(set(self.excluded) - set(paths))
        if unknown:
            raise ValueError(
                f"{len(unknown)} excluded variables are not among the trained "
                f"ones, {unknown[0]!r} first; these begin {paths[:2]}."
            )
        super().build(variables)
        self._plain = [path in set(self.excluded) for path in paths]
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        """One update of one variable; see the class."""
        index = self._get_variable_index(variable)
        velocity = self.momentums[index]
        weight = tf.convert_to_tensor(variable)
        gradient = tf.cast(gradient, weight.dtype)
        rate = tf.cast(learning_rate, weight.dtype)
        if not self._plain[index]:
            gradient += self.gradient_decay * weight

        if self.classic_momentum:
            gradient *= rate * self._trust(index, weight, gradient)
        update = kept = self.momentum * velocity + gradient
        if self.nesterov:
            update = self.momentum * kept + gradient
        if not self.classic_momentum:
            update *= rate * self._trust(index, weight, update)
        self.assign(velocity, kept)
        self.assign_sub(variable, update)

    def get_config(self):
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.gradient_decay,
            "trust_coefficient": self.trust_coefficient,
            "classic_momentum": self.classic_momentum,
            "nesterov": self.nesterov,
            "excluded": list(self.excluded),
        }

    def _trust(self, index, weight, update):
        """q, the layer's own learning rate."""
        if self._plain[index]:
            return tf.ones([], weight.dtype)
        w, g = tf.norm(weight), tf.norm(update)
        return tf.where(
            (w > 0) & (g > 0),
            self.trust_coefficient * tf.math.divide_no_nan(w, g),
            tf.ones_like(w),
        )
