"""Optimizers of the training loop, which sums gradients by itself."""

import keras

from simclr.messages.errors import InputError
from simclr.optimizers.lars import LARS


class _SummedGradients:
    """Takes gradients that are summed over the replicas already.

    The loop sums them, because it logs and checks their norms; Keras would
    multiply them by the number of replicas by summing them again. The method
    is private in Keras: build_optimizer sees to it that it is there, and the
    test that 4 replicas train as 1 does sees to it that it is used.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)


class _LARS(_SummedGradients, LARS):
    pass


class _SGD(_SummedGradients, keras.optimizers.SGD):
    pass


class _Adam(_SummedGradients, keras.optimizers.Adam):
    pass


class _AdamW(_SummedGradients, keras.optimizers.AdamW):
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
):
    """An optimizer for gradients that are summed over the replicas already.

    Args:
        name: "lars", "sgd" (Nesterov momentum, as published), "adam" or
            "adamw" (decay beside the gradient, times the learning rate).
        learning_rate: float or a keras LearningRateSchedule.
        momentum: of lars and sgd.
        weight_decay: of lars and adamw; with the others it is in the loss.
        excluded: Keras variables that lars neither decays nor adapts, and that
            adamw does not decay.
        variant, nesterov, excluded_lr_factor: of lars; see LARS.

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
        return optimizer
    if name == "sgd":
        return _SGD(learning_rate, momentum=momentum, nesterov=True, name=name)
    if name == "adam":
        return _Adam(learning_rate, name=name)
    if name == "adamw":
        optimizer = _AdamW(learning_rate, weight_decay=weight_decay, name=name)
        optimizer.exclude_from_weight_decay(var_list=list(excluded))
        return optimizer
    raise InputError(
        f"optimizer {name!r}; choose one of lars, sgd, adam, adamw."
    )
