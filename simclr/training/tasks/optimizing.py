"""How a task's variables are moved: each one's rate, decay and adaptation."""

from simclr.models import backbones, parts
from simclr.optimizers import build_optimizer, no_decay_variables
from simclr.optimizers import decayed_by_loss as decayed_kernels
from simclr.optimizers.decay import kind
from simclr.optimizers.schedules import (
    WarmupCosine,
    WarmupLinear,
    scaled_lr,
    warmup_steps,
)

# They adapt a step to its kernel, but not to the linear layer's.
_BY_LAYER = ("lars", "muon")
_SCHEDULES = {"cosine": WarmupCosine, "linear": WarmupLinear}


def schedule(config, num_examples, total_steps):
    """The learning rate of each step of a run, one of _SCHEDULES.

    Args:
        config: the Config.
        num_examples: images in an epoch.
        total_steps: int.
    """
    wanted = config.optimizer
    return _SCHEDULES[wanted.lr_decay](
        peak_lr=scaled_lr(wanted.base_lr, config.batch_size, wanted.lr_scaling),
        warmup_steps=warmup_steps(
            wanted.warmup_epochs, num_examples, config.batch_size
        ),
        total_steps=total_steps,
        final_share=wanted.final_lr_share,
    )


def optimizer(config, models, linear, learning_rate):
    """The optimizer of a config, not built.

    Args:
        config: the Config.
        models: dict of role -> Keras model, "encoder" among them.
        linear: the layer among them that gives logits, or None.
        learning_rate: of each step, as `schedule` returns it.
    """
    wanted = config.optimizer
    return build_optimizer(
        wanted.name,
        learning_rate=learning_rate,
        momentum=wanted.momentum,
        weight_decay=wanted.weight_decay,
        excluded=_excluded(wanted, models, linear),
        variant=wanted.lars_variant,
        nesterov=wanted.lars_nesterov,
        excluded_lr_factor=wanted.bias_lr_factor,
        lr_factors=parts.lr_factors(
            models["encoder"],
            backbones.parts(config.model),
            wanted.layer_decay,
        ),
    )


def decayed_by_loss(config, variables, linear):
    """What weight decay reaches through the loss, a list of variables.

    LARS decays inside the optimizer, all but the linear layer's kernel (as
    published); AdamW decays by itself; SGD and Adam through the loss. Muon
    keeps the norm of all kernels but the linear layer's.
    """
    if config.optimizer.name == "adamw":
        return []
    if config.optimizer.name in _BY_LAYER:
        return [] if linear is None else [linear.kernel]
    row = backbones.get(config.model.name)
    return decayed_kernels(variables, biases=row.biases_decay)


def kernels(variables, linear):
    """The trained kernels; the linear layer's where it is the only one.

    It learns from features that do not feel it, or is new.
    """
    found = [v for v in variables if kind(v) == "kernel"]
    own = [] if linear is None else [linear.kernel]
    nets = [v for v in found if all(v is not k for k in own)]
    return nets or found


def _excluded(wanted, models, linear):
    """What LARS and Muon move plainly, and AdamW does not decay.

    All but kernels; for LARS and Muon the linear layer's kernel, too.
    """
    if linear is None or wanted.name not in _BY_LAYER:
        return no_decay_variables(*models.values())
    nets = [m for m in models.values() if m is not linear]
    return no_decay_variables(*nets) + linear.trainable_variables
