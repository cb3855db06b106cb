"""Optimizers and learning-rate schedules, for any Keras model.

optimizers.LARS(0.3, excluded=optimizers.no_decay_variables(model))
"""

from simclr.optimizers.build import build_optimizer
from simclr.optimizers.decay import decayed_by_loss, no_decay_variables
from simclr.optimizers.lars import LARS
from simclr.optimizers.muon import Muon
from simclr.optimizers.schedules import WarmupCosine, WarmupLinear

__all__ = [
    "LARS",
    "Muon",
    "WarmupCosine",
    "WarmupLinear",
    "build_optimizer",
    "decayed_by_loss",
    "no_decay_variables",
]
