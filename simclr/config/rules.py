"""Which values a config may hold."""

import dataclasses

from simclr.config.values import keys
from simclr.losses import objectives
from simclr.messages.errors import InputError
from simclr.models import backbones

_CHOICES = {
    "task": ("pretrain", "finetune", "distill", "distill_encoder"),
    "distill_encoder.target": ("similarities", "features"),
    "data.place": ("auto", "host", "device"),
    "augment.place": ("auto", "host", "device"),
    "augment.brightness_rule": ("multiply", "add"),
    "optimizer.name": ("lars", "sgd", "adam", "adamw", "muon"),
    "optimizer.lars_variant": ("classic", "popular", "barlow"),
    "loss.scaled": objectives.SCALED,
    "optimizer.lr_scaling": ("linear", "sqrt", "none"),
    "optimizer.lr_decay": ("cosine", "linear"),
    "model.head_init": ("normal", "glorot"),
    "train.precision": (
        "float32",
        "mixed_bfloat16",
        "mixed_float16",
        "float64",
    ),
}
_POSITIVE = (
    "epochs",
    "batch_size",
    "data.image_size",
    "model.head_dim",
    "loss.temperature",
    "distill.temperature",
    "distill_encoder.queue",
    "distill_encoder.dims",
    "distill_encoder.temperature",
    "distill_encoder.teacher_temperature",
    "loss.weight",
    "optimizer.base_lr",
    "optimizer.layer_decay",
    "train.log_steps",
    "train.checkpoint_epochs",
    "train.keep_checkpoints",
    "train.eval_images",
)
_NOT_NEGATIVE = (
    "augment.color_strength",
    "augment.brightness",
    "augment.contrast",
    "augment.saturation",
    "augment.hue",
    "model.head_layers",
    "classifier.from_layer",
    "model.head_hidden",
    "loss.block",
    "negatives.size",
    "distill_encoder.contrast",
    "start.head_epochs",
    "start.anchor",
    "optimizer.weight_decay",
    "optimizer.warmup_epochs",
    "optimizer.bias_lr_factor",
    "loss.trade_off",
    "loss.coefficients",
    "train.microbatch",
    "train.eval_epochs",
    "data.eval_image_size",
    "distill_encoder.teacher_size",
    "data.stored_size",
)
_SHARES = (
    "distill.alpha",
    "negatives.momentum",
    "negatives.final_momentum",
    "optimizer.momentum",
    "optimizer.final_lr_share",
    "optimizer.layer_decay",
    "data.max_bad_share",
    "data.device_share",
    "augment.jitter_prob",
    "augment.gray_prob",
    "augment.crop_area",
    "augment.blur_probs",
    "augment.solarize_probs",
)

# What is more is a slip of the hand, and would end in an error without the
# key's name, or in none. Of settings that are not here: _MOST_INT, _MOST_FLOAT.
_MOST = {
    "epochs": 1_000_000,
    "optimizer.warmup_epochs": 1_000_000,
    "batch_size": 1 << 20,
    "data.image_size": 1 << 14,
    "data.eval_image_size": 1 << 14,
    "data.stored_size": 1 << 14,
    "distill_encoder.teacher_size": 1 << 14,
    "augment.color_strength": 100,
    "augment.brightness": 100,
    "augment.contrast": 100,
    "augment.saturation": 100,
    "augment.hue": 100,
    "model.width": 1000,
    "model.sk_ratio": 1000,
    "model.se_ratio": 1000,
    "model.extra_planes": 1 << 12,
    "model.head_layers": 100,
    "model.head_hidden": 1 << 20,
    "model.head_dim": 1 << 20,
}
_MOST_INT = (1 << 31) - 1  # Sizes and steps are int32 on devices.
_MOST_FLOAT = 1_000_000_000
_LEAST_FLOAT = 1e-30  # What is less, and not 0, may be 0 in float32.


def get(config, key):
    """The value at a dotted key."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def check_on_tpu(precision):
    """Raises InputError for a train.precision that no TPU computes in."""
    if precision == "mixed_float16":
        raise InputError(
            "TPUs do not compute in float16: say --set "
            "train.precision=mixed_bfloat16."
        )


def check_seed(seed):
    """Raises InputError for a seed that NumPy's generators do not take."""
    if not 0 <= seed < 1 << 32:
        raise InputError(
            f"seed is {seed}; it must lie in [0, {(1 << 32) - 1}]."
        )


def check_share(name, value):
    """Raises InputError for what is no share; of a tuple, any part of it."""
    if not all(0 <= one <= 1 for one in _all_of(value)):
        raise InputError(f"{name} is {value}; it must lie in [0, 1].")


def _all_of(value):
    """A tuple's values, or the one that it is."""
    return value if isinstance(value, tuple) else (value,)


def check_values(config):
    """Raises InputError for the first value that no config may hold."""
    objectives.check_name(config.loss.name)
    for key, choices in _CHOICES.items():
        _require_choice(config, key, choices)
    for key in _POSITIVE:
        if not get(config, key) > 0:
            raise InputError(f"{key} is {get(config, key)}; it must be > 0.")
    for key in _NOT_NEGATIVE:
        value = get(config, key)
        if value is not None and min(_all_of(value)) < 0:
            raise InputError(f"{key} is {value}; it must be >= 0.")
    for key in _SHARES:
        check_share(key, get(config, key))
    check_seed(config.seed)
    for key in keys(type(config)):
        if key != "seed":
            _check_size(key, get(config, key))


def _check_size(key, value):
    for one in _all_of(value):
        if type(one) in (int, float):
            most = _MOST_INT if type(one) is int else _MOST_FLOAT
            most = _MOST.get(key, most)
            if one > most:
                raise InputError(f"{key} is {value}; it must be <= {most:,}.")
            if 0 < abs(one) < _LEAST_FLOAT:
                raise InputError(
                    f"{key} is {value}; it must be >= {_LEAST_FLOAT:g}, or 0 "
                    "where that is allowed."
                )


def validate(config):
    """Returns `config`, or raises InputError naming the first bad value."""
    backbones.check(config.model)
    check_values(config)
    parts = ("none", *backbones.parts(config.model), "head")
    _require_choice(config, "classifier.freeze", parts)
    _require_choice(config, "start.freeze", parts[:-1])
    _check_start(config)
    if config.batch_size < 2:
        raise InputError(
            f"batch_size is {config.batch_size}; negatives come from the "
            "batch, so it must be at least 2."
        )
    if config.classifier.from_layer > config.model.head_layers:
        raise InputError(
            f"classifier.from_layer is {config.classifier.from_layer}; the "
            f"projection head has {config.model.head_layers} layers."
        )
    if config.train.microbatch and config.task != "pretrain":
        raise InputError(
            f"train.microbatch is {config.train.microbatch}; it is for "
            f"pretraining. The loss of {config.task} is a mean over images: "
            "lower batch_size."
        )
    microbatch = config.train.microbatch
    if microbatch and config.batch_size % microbatch:
        raise InputError(
            f"train.microbatch is {microbatch}; it must divide batch_size, "
            f"{config.batch_size}."
        )
    if config.negatives.size % config.batch_size:
        raise InputError(
            f"negatives.size is {config.negatives.size}; the queue keeps "
            f"whole batches, so it must be a multiple of batch_size, "
            f"{config.batch_size}."
        )
    if config.negatives.final_momentum < config.negatives.momentum:
        raise InputError(
            f"negatives.final_momentum is "
            f"{config.negatives.final_momentum}; it must not be below "
            f"negatives.momentum, {config.negatives.momentum}: set both."
        )
    if not 0 < config.augment.crop_area[0] <= config.augment.crop_area[1]:
        raise InputError(
            f"augment.crop_area is {config.augment.crop_area}; it must be "
            "(smallest, largest) with 0 < smallest <= largest."
        )
    if (config.data.place, config.augment.place) == ("device", "host"):
        raise InputError(
            "data.place is 'device' and augment.place 'host': what is cut out "
            "on the device is coloured there; say auto for one of them."
        )
    _check_spelling(config.augment)
    return config


def _check_start(config):
    """Stops where there is no start to keep, or no way to."""
    given = [
        f"start.{field.name} is {getattr(config.start, field.name)!r}"
        for field in dataclasses.fields(config.start)
        if getattr(config.start, field.name) != field.default
    ]
    if not given:
        return
    if config.task != "pretrain":
        raise InputError(
            f"{given[0]}; it is for pretraining, not for {config.task}."
        )
    if config.negatives.size:
        raise InputError(
            f"{given[0]}, and negatives.size {config.negatives.size}: the "
            "momentum encoder would not follow it."
        )
    if config.start.head_epochs and not config.model.head_layers:
        raise InputError(
            f"start.head_epochs is {config.start.head_epochs}, and "
            "model.head_layers 0: there is no head to learn."
        )
    if config.start.head_epochs >= config.epochs:
        raise InputError(
            f"start.head_epochs is {config.start.head_epochs:g} of "
            f"{config.epochs:g} epochs: the encoder would learn nothing; say "
            f"--set start.head_epochs={config.epochs / 10:g}, or more epochs."
        )


def _require_choice(config, key, choices):
    if get(config, key) not in choices:
        raise InputError(
            f"{key} is {get(config, key)!r}; choose one of "
            f"{', '.join(map(str, choices))}."
        )


def _check_spelling(augment):
    """Stops where both views have a list, and a strength says something else.

    Raises:
        InputError: the strength would not be heard.
    """
    if augment.view1 is None or augment.view2 is None:
        return
    for field in dataclasses.fields(augment):
        value = getattr(augment, field.name)
        listed = field.name in ("place", "view1", "view2")
        if not listed and value != field.default:
            raise InputError(
                f"augment.{field.name} is {value}, but augment.view1 and view2 "
                "list what is done and how strongly: say it there."
            )
