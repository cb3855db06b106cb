"""The formats, without TensorFlow: their files and what they need."""

import importlib.util

from simclr.messages.errors import InputError
from simclr.messages.extras import install

# Format -> its file's name, and what writes and runs it beside TensorFlow.
FORMATS = {
    "savedmodel": ("saved_model", ()),
    "keras": ("model.keras", ()),
    "onnx": ("model.onnx", ("onnx", "onnxruntime", "tf2onnx")),
    "litert": ("model.tflite", ("ai_edge_litert",)),
}
CLASSES, CARD = "classes.json", "MODEL_CARD.md"


def require(formats):
    """Raises InputError for an unknown format, or where a package is missing.

    Args:
        formats: tuple of str.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(
                f"--format={name}: choose of {', '.join(FORMATS)}."
            )
        missing = [
            package
            for package in FORMATS[name][1]
            if importlib.util.find_spec(package) is None
        ]
        if missing:
            raise InputError(
                f"--format={name} needs {' and '.join(missing)}, not "
                f"installed here: {install('export')}."
            )
    if not formats:
        raise InputError(f"--format: name some of {', '.join(FORMATS)}.")
