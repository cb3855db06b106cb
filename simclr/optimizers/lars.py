"""LARS, layer-wise adaptive rate scaling (You et al., arXiv 1708.03888)."""

import keras
import tensorflow as tf

from simclr.messages.errors import InputError
from simclr.optimizers.with_momentum import WithMomentum

VARIANTS = ("classic", "popular", "barlow")


@keras.saving.register_keras_serializable(package="simclr")
class LARS(WithMomentum):
    """LARS with momentum, in the three forms of the published codes.

    For a weight w with gradient g, learning rate r and momentum m:

        g += weight_decay * w
        "classic" (SimCLR's default):
            q = trust_coefficient * |w| / |g|
            v = m * v + r * q * g
            u = m * v + r * q * g if nesterov else v
            w -= u
        "popular" (SimCLR's with classic_momentum=False):
            v = m * v + g
            u = m * v + g if nesterov else v
            q = trust_coefficient * |w| / |u|
            w -= r * q * u
        "barlow" (Barlow Twins, arXiv 2103.03230; it has no nesterov):
            q = trust_coefficient * |w| / |g|
            v = m * v + q * g
            w -= r * v

    q is 1 where |w| or the norm below it is 0. Excluded variables are not
    decayed, have q = 1, and learn at r * excluded_lr_factor. In the classic
    form the learning rate is inside the buffer v, so that a change of it acts
    with the momentum's delay. Scaling the gradient of a variable that is not
    excluded and not decayed leaves a classic or a barlow step as it is.

    Args:
        learning_rate: float or a keras LearningRateSchedule.
        momentum: share of v that is kept.
        weight_decay: added to the gradient, times w (not Keras's decoupled
            decay).
        trust_coefficient: "eeta" in the published code.
        variant: "classic", "popular" or "barlow".
        nesterov: looks one step ahead.
        excluded_lr_factor: learning rate of excluded variables, as a multiple
            of the others'; Barlow Twins' is 0.0048 / 0.2.
        excluded: the excluded ones of the trained variables: Keras variables
            (`no_decay_variables(model)`), their paths, or a bool for each
            trained variable, in their order.
        name: name of the optimizer.

    Raises:
        InputError: an unknown variant, nesterov with "barlow", a momentum
            outside [0, 1], or a number below its range.
    """

    def __init__(
        self,
        learning_rate,
        *,
        momentum=0.9,
        weight_decay=0.0,
        trust_coefficient=0.001,
        variant="classic",
        nesterov=False,
        excluded_lr_factor=1.0,
        excluded=(),
        name="lars",
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            momentum=momentum,
            excluded_lr_factor=excluded_lr_factor,
            excluded=excluded,
            name=name,
            **kwargs,
        )
        if variant not in VARIANTS:
            raise InputError(
                f"variant={variant!r}; choose one of {', '.join(VARIANTS)}."
            )
        if nesterov and variant == "barlow":
            raise InputError("LARS's variant 'barlow' has no nesterov.")
        if weight_decay < 0:
            raise InputError(
                f"weight_decay={weight_decay} must not be below 0."
            )
        if trust_coefficient <= 0:
            raise InputError(
                f"trust_coefficient={trust_coefficient} must be above 0."
            )
        self.gradient_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.variant = variant
        self.nesterov = nesterov

    def _updated(self, gradient, weight, velocity, rate, plain):
        """(v, what w loses) of a variable."""
        if not plain:
            gradient += self.gradient_decay * weight
        elif self.excluded_lr_factor != 1:
            rate *= self.excluded_lr_factor

        if self.variant != "popular" and not plain:
            gradient *= self._trust(weight, gradient)
        if self.variant == "classic":
            gradient *= rate
        update = kept = self.momentum * velocity + gradient
        if self.nesterov:
            update = self.momentum * kept + gradient
        if self.variant == "popular" and not plain:
            update *= self._trust(weight, update)
        if self.variant != "classic":
            update *= rate
        return kept, update

    def get_config(self):
        """Arguments of the constructor, see WithMomentum."""
        return {
            **super().get_config(),
            "weight_decay": self.gradient_decay,
            "trust_coefficient": self.trust_coefficient,
            "variant": self.variant,
            "nesterov": self.nesterov,
        }

    def _trust(self, weight, update):
        """q, the layer's own learning rate."""
        w, g = (tf.sqrt(2 * tf.nn.l2_loss(x)) for x in (weight, update))
        return tf.where(
            (w > 0) & (g > 0),
            self.trust_coefficient * tf.math.divide_no_nan(w, g),
            tf.ones_like(w),
        )
