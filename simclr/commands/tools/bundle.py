"""train.pyz: the runner of a lowered run, in one file."""

import os
import zipfile

import simclr
from simclr.storage.whole import whole_path

# What train.pyz holds: nothing that imports TensorFlow.
_BUNDLED = (
    "__init__",
    "config/__init__",
    "config/augmentations",
    "config/load",
    "config/recipes",
    "config/rules",
    "config/schema",
    "config/values",
    "data/__init__",
    "data/random_keys",
    "data/views/__init__",
    "data/views/op",
    "data/views/operation",
    "data/views/table",
    "evaluation/__init__",
    "evaluation/accuracy",
    "losses/__init__",
    "losses/objectives",
    "messages/__init__",
    "messages/counts",
    "messages/errors",
    "messages/hints",
    "messages/names",
    "messages/say",
    "messages/signals",
    "models/__init__",
    "models/backbones",
    "models/normalizations",
    "pjrt/__init__",
    "pjrt/devices",
    "pjrt/executable",
    "pjrt/files",
    "pjrt/image_store",
    "pjrt/runner",
    "pjrt/scorer",
    "pjrt/steps",
    "runs/__init__",
    "runs/checkpoint",
    "runs/continuing",
    "runs/folder",
    "runs/metrics",
    "runs/older",
    "runs/step_loop",
    "runs/stopping",
    "storage/__init__",
    "storage/array_file",
    "storage/cache",
    "storage/json_text",
    "storage/lock",
    "storage/missing",
    "storage/place",
    "storage/regular",
    "storage/whole",
)
_MAIN = """import sys
from simclr.messages import signals
signals.listen()
from simclr.pjrt.runner import main
sys.exit(main())
"""


def bundle_runner(path):
    """Writes the runner as one file that Python runs, without TensorFlow."""
    root = os.path.dirname(os.path.abspath(simclr.__file__))
    with (
        whole_path(path) as unfinished,
        zipfile.ZipFile(unfinished, "w") as bundle,
    ):
        bundle.writestr("__main__.py", _MAIN)
        for name in _BUNDLED:
            bundle.write(os.path.join(root, f"{name}.py"), f"simclr/{name}.py")
