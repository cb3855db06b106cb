"""Optimizers of the training loop, which sums gradients by itself."""

import keras
import tensorflow as tf

from simclr.messages.errors import InputError
from simclr.optimizers.lars import LARS
from simclr.optimizers.muon import Muon


class _OfTheLoop:
    """Takes gradients that are summed already, and has rates of variables.

    The loop sums them, because it logs and checks their norms; Keras would
    multiply them by the number of replicas by summing them again. The method
    is private in Keras: build_optimizer sees to it that it is there, and the
    test that 4 replicas train as 1 does sees to it that it is used.

    Attributes:
        lr_factor: function of a Keras variable to its share of the learning
            rate, set before `build`.
    """

    lr_factor = staticmethod(lambda variable: 1.0)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)

    def build(self, variables):
        super().build(variables)
        self._factors = [self.lr_factor(v) for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factors[self._get_variable_index(variable)]
        if factor != 1:
            learning_rate = learning_rate * factor
        super().update_step(gradient, variable, learning_rate)


class _LARS(_OfTheLoop, LARS):
    pass


class _Muon(_OfTheLoop, Muon):
    pass


class _SGD(_OfTheLoop, keras.optimizers.SGD):
    pass


class _Adam(_OfTheLoop, keras.optimizers.Adam):
    pass


class _OwnRateDecays(keras.optimizers.AdamW):
    """AdamW whose decay has the variable's own learning rate, too."""

    def _apply_weight_decay(self, variables):
        """Not here, where Keras has one rate for all of them."""

    def update_step(self, gradient, variable, learning_rate):
        if self._use_weight_decay(variable):
            rate = tf.cast(learning_rate, variable.dtype)
            self.assign_sub(variable, variable * self.weight_decay * rate)
        super().update_step(gradient, variable, learning_rate)


class _AdamW(_OfTheLoop, _OwnRateDecays):
    pass


def build_optimizer(
    name,
    *,
    learning_rate,
    momentum=0.9,
    weight_decay=0.0,
    excluded=(),
    variant="classic",
    nesterov=False,
    excluded_lr_factor=1.0,
    lr_factors=(),
):
    """An optimizer for gradients that are summed over the replicas already.

    Args:
        name: "lars", "sgd" (Nesterov momentum, as published), "adam", "adamw"
            (decay beside the gradient, times the learning rate) or "muon".
        learning_rate: float or a keras LearningRateSchedule.
        momentum: of lars, muon and sgd.
        weight_decay: of lars and adamw; with the others it is in the loss.
        excluded: Keras variables that lars neither decays nor adapts, that
            muon moves as sgd does, and that adamw does not decay.
        variant, nesterov: of lars; see LARS.
        excluded_lr_factor: of lars and muon.
        lr_factors: list of (Keras variable, float), shares of the learning
            rate; that of the others is 1.

    Returns:
        A keras optimizer; call its `build(variables)` in the strategy's scope
        before the first step.

    Raises:
        InputError: an unknown name, or what LARS refuses.
        RuntimeError: this Keras sums gradients in a way not known here.
    """
    if not hasattr(keras.optimizers.Optimizer, "_all_reduce_sum_gradients"):
        raise RuntimeError(
            f"Keras {keras.__version__} does not sum gradients in "
            "Optimizer._all_reduce_sum_gradients; use Keras 3.5 to 3.15."
        )
    if name == "lars":
        optimizer = _LARS(
            learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            variant=variant,
            nesterov=nesterov,
            excluded_lr_factor=excluded_lr_factor,
        )
        optimizer.exclude(excluded)
    elif name == "muon":
        optimizer = _Muon(
            learning_rate,
            momentum=momentum,
            excluded_lr_factor=excluded_lr_factor,
            excluded=excluded,
            name=name,
        )
    elif name == "sgd":
        optimizer = _SGD(
            learning_rate, momentum=momentum, nesterov=True, name=name
        )
    elif name == "adam":
        optimizer = _Adam(learning_rate, name=name)
    elif name == "adamw":
        optimizer = _AdamW(learning_rate, weight_decay=weight_decay, name=name)
        optimizer.exclude_from_weight_decay(var_list=list(excluded))
    else:
        raise InputError(
            f"optimizer {name!r}; choose one of lars, sgd, adam, adamw, muon."
        )
    shares = {id(v): share for v, share in lr_factors}
    optimizer.lr_factor = lambda variable: shares.get(id(variable), 1.0)
    return optimizer
