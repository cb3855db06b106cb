"""LARS, layer-wise adaptive rate scaling (You et al., arXiv 1708.03888)."""

import keras
import tensorflow as tf

from simclr.messages.errors import InputError

VARIANTS = ("classic", "popular", "barlow")


@keras.saving.register_keras_serializable(package="simclr")
class LARS(keras.optimizers.Optimizer):
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
        # Keras would decay by itself, decoupled from the gradient.
        super().__init__(
            learning_rate=learning_rate, weight_decay=None, name=name, **kwargs
        )
        if variant not in VARIANTS:
            raise InputError(
                f"variant={variant!r}; choose one of {', '.join(VARIANTS)}."
            )
        if nesterov and variant == "barlow":
            raise InputError("LARS's variant 'barlow' has no nesterov.")
        if not 0 <= momentum <= 1:
            raise InputError(f"momentum={momentum} must be within [0, 1].")
        for key, value in {
            "weight_decay": weight_decay,
            "excluded_lr_factor": excluded_lr_factor,
        }.items():
            if value < 0:
                raise InputError(f"{key}={value} must not be below 0.")
        if trust_coefficient <= 0:
            raise InputError(
                f"trust_coefficient={trust_coefficient} must be above 0."
            )
        self.momentum = momentum
        self.gradient_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.variant = variant
        self.nesterov = nesterov
        self.excluded_lr_factor = excluded_lr_factor
        self.excluded = [getattr(one, "path", one) for one in excluded]

    def exclude(self, variables):
        """Excludes further Keras variables; before `build`.

        Raises:
            InputError: the optimizer is built already.
        """
        if self.built:
            raise InputError("exclude() comes before build().")
        self.excluded = sorted({*self.excluded, *(v.path for v in variables)})

    def build(self, variables):
        """Makes one momentum slot per Keras variable.

        Raises:
            InputError: an excluded path is not among those of `variables`, or
                there are more or fewer bools than variables.
        """
        if self.built:
            return
        paths = [v.path for v in variables]
        self._plain = self._are_excluded(paths)
        self.excluded = [p for p, plain in zip(paths, self._plain) if plain]
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        # Traced once for each shape, not for each of hundreds of variables.
        self._traced = tf.function(self._updated, autograph=False)

    def update_step(self, gradient, variable, learning_rate):
        """One update of one variable; see the class."""
        index = self._get_variable_index(variable)
        velocity = self.momentums[index]
        weight = tf.convert_to_tensor(variable)
        kept, update = self._traced(
            tf.cast(gradient, weight.dtype),
            weight,
            tf.convert_to_tensor(velocity),
            tf.cast(learning_rate, weight.dtype),
            plain=self._plain[index],
        )
        self.assign(velocity, kept)
        self.assign_sub(variable, update)

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
        """Arguments of the constructor.

        Once built, `excluded` is a bool for each variable: a model that is
        loaded has its variables in the same order, but not always at the same
        paths (a Sequential's change).
        """
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.gradient_decay,
            "trust_coefficient": self.trust_coefficient,
            "variant": self.variant,
            "nesterov": self.nesterov,
            "excluded_lr_factor": self.excluded_lr_factor,
            "excluded": list(self._plain if self.built else self.excluded),
        }

    def _are_excluded(self, paths):
        """A bool for each path of a trained variable."""
        if self.excluded and all(type(one) is bool for one in self.excluded):
            if len(self.excluded) != len(paths):
                raise InputError(
                    f"excluded is of {len(self.excluded)} variables, but "
                    f"{len(paths)} are trained."
                )
            return self.excluded
        unknown = sorted(set(self.excluded) - set(paths))
        if unknown:
            raise InputError(
                f"{len(unknown)} excluded variables are not among the trained "
                f"ones, {unknown[0]!r} first; these begin {paths[:2]}."
            )
        return [path in set(self.excluded) for path in paths]

    def _trust(self, weight, update):
        """q, the layer's own learning rate."""
        w, g = (tf.sqrt(2 * tf.nn.l2_loss(x)) for x in (weight, update))
        return tf.where(
            (w > 0) & (g > 0),
            self.trust_coefficient * tf.math.divide_no_nan(w, g),
            tf.ones_like(w),
        )
