"""What LARS and Muon share: momentum, and variables that are excluded."""

import keras
import tensorflow as tf

from simclr.messages.errors import InputError


class WithMomentum(keras.optimizers.Optimizer):
    """An optimizer with one momentum slot per variable.

    A subclass says in `_updated` what a step is. Some variables are excluded:
    it treats them plainly, as SGD would, at a learning rate of their own.

    Args:
        learning_rate: float or a keras LearningRateSchedule.
        momentum: share of the slot that is kept.
        excluded_lr_factor: learning rate of excluded variables, as a multiple
            of the others'.
        excluded: the excluded ones of the trained variables: Keras variables
            (`no_decay_variables(model)`), their paths, or a bool for each
            trained variable, in their order.
        name: name of the optimizer; None: after its class.

    Raises:
        InputError: a momentum outside [0, 1], or a negative factor.
    """

    def __init__(
        self,
        learning_rate,
        *,
        momentum=0.9,
        excluded_lr_factor=1.0,
        excluded=(),
        name=None,
        **kwargs,
    ):
        # Keras would decay by itself, decoupled from the gradient.
        super().__init__(
            learning_rate=learning_rate, weight_decay=None, name=name, **kwargs
        )
        if not 0 <= momentum <= 1:
            raise InputError(f"momentum={momentum} must be within [0, 1].")
        if excluded_lr_factor < 0:
            raise InputError(
                f"excluded_lr_factor={excluded_lr_factor} must not be below 0."
            )
        self.momentum = momentum
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
        """(what the slot becomes, what the weight loses) of a variable."""
        raise NotImplementedError

    def get_config(self):
        """Arguments of the constructor.

        Once built, `excluded` is a bool for each variable: a model that is
        loaded has its variables in the same order, but not always at the same
        paths (a Sequential's change).
        """
        config = super().get_config()
        del config["weight_decay"]  # Keras's own, see __init__.
        return {
            **config,
            "momentum": self.momentum,
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
