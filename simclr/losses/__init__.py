"""Losses, one per file; each returns means over this replica's anchors.

loss, scalars = losses.nt_xent(z1, z2, temperature=0.1)
model.compile(loss=losses.Objective("nt_xent", temperature=0.1))
"""

import importlib
import sys
import types

# The module beside this that has it. It is imported when it is asked for: the
# table of objectives beside them is read without TensorFlow.
_MODULES = {
    "Objective": "keras_loss",
    "barlow_twins": "barlow_twins",
    "decoupled_nt_xent": "generalized",
    "distillation": "distilling.distillation",
    "info_nce": "info_nce",
    "nt_xent": "nt_xent",
    "swd_hypercube": "generalized",
    "swd_hypersphere": "generalized",
    "swd_normal": "generalized",
    "vicreg": "vicreg",
}

__all__ = [*_MODULES]


class _Losses(types.ModuleType):
    """This package, in which a loss goes before the module of its name."""

    def __getattr__(self, name):
        if name not in _MODULES:
            raise AttributeError(f"{self.__name__} has no {name!r}")
        module = importlib.import_module(f"{self.__name__}.{_MODULES[name]}")
        return getattr(module, name)

    def __setattr__(self, name, value):
        """Python's import puts modules here; not those."""
        if name not in _MODULES:
            super().__setattr__(name, value)

    def __dir__(self):
        return [*super().__dir__(), *_MODULES]


sys.modules[__name__].__class__ = _Losses
