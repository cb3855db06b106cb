"""What the config.json beside a file of timm's says, as its hub has it.

timm writes what no weight shows: the name of the net and how its pixels were
normalized. Of a file alone, its own name tells as much of the net.
"""

import os
import re

from simclr.messages.errors import InputError
from simclr.models.normalizations import NORMALIZATIONS, standardized
from simclr.storage import json_text

# What timm's nets called tf_... do otherwise: TensorFlow's padding, epsilon.
_TENSORFLOW = {
    "padding": "same",
    "norm_epsilon": 0.0,
    "normalization": "inception",
}


def fields(path, known):
    """Fields of config.Model beside those that names and shapes told.

    Args:
        path: of the file of weights.
        known: dict, the fields that were told; only these may change.

    Returns:
        (dict of fields, bool: whether the file's maker said them).

    Raises:
        InputError: config.json names a normalization that no net has here.
    """
    facts = _facts(path)
    name = facts.get("architecture") or os.path.basename(path)
    found = {}
    if re.match(r"tf_(?:efficientnet_lite|mobilenetv3)", name):
        found = {k: v for k, v in _TENSORFLOW.items() if k in known}
    given = facts.get("pretrained_cfg") or facts
    if isinstance(given, dict) and "mean" in given and "std" in given:
        found["normalization"] = _normalization(given["mean"], given["std"])
    return found, bool(found) or "architecture" in facts


def _facts(path):
    beside = os.path.join(os.path.dirname(path), "config.json")
    try:
        facts = json_text.read(beside)
    except (OSError, ValueError):
        return {}
    is_timms = isinstance(facts, dict) and "architecture" in facts
    return facts if is_timms else {}


def _normalization(mean, deviation):
    """The name of that normalization."""
    asked = standardized(mean, deviation)
    for name, known in NORMALIZATIONS.items():
        apart = [
            abs(a - b)
            for a, b in zip(
                (*asked.scale, *asked.offset), (*known.scale, *known.offset)
            )
        ]
        if not known.bgr and max(apart) < 1e-3:
            return name
    raise InputError(
        f"config.json beside it says mean {mean} and std {deviation}; "
        f"model.normalization has {', '.join(NORMALIZATIONS)}."
    )
