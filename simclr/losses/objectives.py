"""The objectives of pretraining, by name; the table imports no TensorFlow.

An objective is a function of the two views' projections on this replica:

    loss, scalars = objective(z1, z2, **options)

    z1, z2: [n, d], rows in the same order.
    loss: scalar, whose mean over the replicas is the global batch's loss.
    scalars: dict of what else is worth a row of metrics; so are they.

Its keyword-only arguments are its options, and it gets those that it names:

    temperature: loss.temperature.
    normalize: loss.normalize.
    trade_off: loss.trade_off; its default where that is None.
    scaled: loss.scaled.
    coefficients: loss.coefficients.
    block: loss.block, rows of the logits held at a time; its default where that
        is None.
    seed: int32 [2], the same on every replica and new in every step, for what
        is random (tf.random.stateless_*).
    negatives, negatives_filled: negatives kept from batches gone by
        (simclr/training/negatives.py); only an objective that takes them can
        have such negatives.
"""

import importlib
import inspect

from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

# Name of the objective, and the module beside this that has it.
OBJECTIVES = {
    "nt_xent": "nt_xent",
    "barlow_twins": "barlow_twins",
    "decoupled_nt_xent": "generalized",
    "swd_hypersphere": "generalized",
    "swd_hypercube": "generalized",
    "swd_normal": "generalized",
    "vicreg": "vicreg",
    "info_nce": "info_nce",
}
# What the option `scaled` may be.
SCALED = ("images", "features", "none")
# What papers call those whose name does not say it.
_WORDS = {
    "nt_xent": "SimCLR",
    "barlow_twins": "Barlow Twins",
    "decoupled_nt_xent": "decoupled NT-Xent",
    "swd_hypersphere": "sliced Wasserstein (hypersphere)",
    "swd_hypercube": "sliced Wasserstein (hypercube)",
    "swd_normal": "sliced Wasserstein (normal)",
    "vicreg": "VICReg",
    "info_nce": "InfoNCE",
}


def words(name):
    """An objective in words, for titles."""
    return _WORDS.get(name, name.replace("_", " "))


def check_name(name):
    """Raises InputError where there is no objective of a name."""
    if name not in OBJECTIVES:
        raise InputError(
            f"No objective {name!r} (loss.name); choose one of "
            f"{', '.join(OBJECTIVES)}."
            f"{did_you_mean(name, OBJECTIVES)}"
        )


def get(name):
    """The objective, a function.

    Raises:
        InputError: there is none of that name.
    """
    check_name(name)
    module = importlib.import_module(f"simclr.losses.{OBJECTIVES[name]}")
    return getattr(module, name)


def options(name):
    """Names of the options that an objective takes, a set of str."""
    parameters = inspect.signature(get(name)).parameters.values()
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def scalars(name):
    """Names of the scalars beside the loss, a tuple of str."""
    import tensorflow as tf

    view = tf.TensorSpec([2, 2], tf.float32)
    traced = tf.function(get(name), autograph=False)
    traced = traced.get_concrete_function(view, view)
    return tuple(traced.structured_outputs[1])


def check(name, *, negatives):
    """Raises InputError for an unknown objective, or one without negatives."""
    get(name)
    if negatives and "negatives" not in options(name):
        fit = [key for key in OBJECTIVES if "negatives" in options(key)]
        raise InputError(
            f"negatives.size keeps negatives, and {name} has none; it goes "
            "with "
            f"{', '.join(fit)}."
        )


def call(name, z1, z2, **offered):
    """An objective with those of the offered options that it takes.

    Args:
        name: of an objective.
        z1, z2: [n, d] projections.
        **offered: options; those that are None stay at their defaults.

    Returns:
        loss, scalars: of the objective.
    """
    taken = {
        key: value
        for key, value in offered.items()
        if key in options(name) and value is not None
    }
    return get(name)(z1, z2, **taken)
