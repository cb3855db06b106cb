"""Experiment configs: frozen dataclasses, one Python file per recipe.

A recipe holds `config = Config(...)` with only what differs from the defaults
in schema.py.
"""

from simclr.config.augmentations import BYOL, one_branch
from simclr.config.load import (
    derive,
    differences,
    eval_image_size,
    from_json,
    load,
    override,
    read,
    settled,
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
    DistillEncoder,
    Loss,
    Model,
    Negatives,
    Optimizer,
    Start,
    Train,
)
from simclr.data.views.op import Op

__all__ = [
    "BYOL",
    "Augment",
    "Classifier",
    "Config",
    "Data",
    "Distill",
    "DistillEncoder",
    "Loss",
    "Model",
    "Negatives",
    "Op",
    "Optimizer",
    "Start",
    "Train",
    "derive",
    "differences",
    "eval_image_size",
    "from_json",
    "get",
    "load",
    "one_branch",
    "override",
    "read",
    "settled",
    "split",
    "to_json",
    "validate",
]
