"""Losses, one per file; each returns means over this replica's anchors.

loss, scalars = losses.nt_xent(z1, z2, temperature=0.1)
model.compile(loss=losses.Objective("nt_xent", temperature=0.1))
"""

from simclr.losses.barlow_twins import barlow_twins
from simclr.losses.distillation import distillation
from simclr.losses.generalized import (
    decoupled_nt_xent,
    swd_hypercube,
    swd_hypersphere,
    swd_normal,
)
from simclr.losses.keras_loss import Objective
from simclr.losses.nt_xent import nt_xent

__all__ = [
    "Objective",
    "barlow_twins",
    "decoupled_nt_xent",
    "distillation",
    "nt_xent",
    "swd_hypercube",
    "swd_hypersphere",
    "swd_normal",
]
