"""Optimizers and learning-rate schedules."""

from simclr.optimizers.build import build_optimizer, no_decay_variables

__all__ = ["build_optimizer", "no_decay_variables"]
