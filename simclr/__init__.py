"""Self-supervised image training on TensorFlow: SimCLR and its family.

    import simclr
    run = simclr.pretrain(data="photos", workdir="runs/photos", epochs=20)
    vectors, ids = run.embed("new_photos")

docs/python.md has more. TensorFlow is imported when it is first needed.
"""

import importlib

__version__ = "0.1.0"

# Name -> module that has it; a module's own name: the module itself.
_HERE = {
    "pretrain": "simclr.commands.train.pretrain",
    "finetune": "simclr.commands.train.finetune",
    "distill": "simclr.commands.train.distill",
    "pipeline": "simclr.commands.train.pipeline",
    "evaluate": "simclr.commands.use.evaluate",
    "predict": "simclr.commands.use.predict",
    "export_run": "simclr.commands.use.export_run",
    "embed": "simclr.commands.explore.embed",
    "cluster": "simclr.commands.explore.cluster",
    "assign": "simclr.commands.explore.assign",
    "day": "simclr.commands.explore.day",
    "dedup": "simclr.commands.explore.dedup",
    "neighbours": "simclr.commands.explore.neighbours",
    "select": "simclr.commands.explore.select",
    "page": "simclr.commands.explore.page",
    "health": "simclr.commands.explore.health",
    "export_embeddings": "simclr.commands.explore.export_embeddings",
    "load": "simclr.commands.run",
    "Run": "simclr.commands.run",
    "Config": "simclr.config",
    "losses": "simclr",
    "optimizers": "simclr",
}
__all__ = [*_HERE]


def __getattr__(name):
    if name not in _HERE:
        raise AttributeError(f"module 'simclr' has no attribute {name!r}")
    if _HERE[name] == "simclr":
        return importlib.import_module(f"simclr.{name}")
    value = getattr(importlib.import_module(_HERE[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return [*globals(), *_HERE]
