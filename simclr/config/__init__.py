"""Experiment configs: frozen dataclasses, one Python file per recipe.

A recipe holds `config = Config(...)` with only what differs from the defaults
in schema.py.
"""

from simclr.config.load import (
    derive,
    differences,
    eval_image_size,
    from_json,
    load,
    override,
    read,
    split,
    to_json,
)
from simclr.config.rules import get, validate
from simclr.config.schema import (
    Augment,
    Classifier,
    Config,
    Data,
    Distill,
    Loss,
    Model,
    Negatives,
    Optimizer,
    Train,
)

__all__ = [
    "Augment",
    "Classifier",
    "Config",
    "Data",
    "Distill",
    "Loss",
    "Model",
    "Negatives",
    "Optimizer",
    "Train",
    "derive",
    "differences",
    "eval_image_size",
    "from_json",
    "get",
    "load",
    "override",
    "read",
    "split",
    "to_json",
    "validate",
]
