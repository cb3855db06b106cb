"""PyTorch's own files, .pth, .pt and .bin.

Only tensors and plain containers are read (weights_only=True): a file that
would run code on loading is refused.
"""

import argparse
import importlib.util
import re

from simclr.messages.errors import InputError, first_line
from simclr.messages.extras import install
from simclr.published.files import state_dict

# Where a full checkpoint keeps the net: DINO's "teacher" is the net that its
# authors use.
_STATE_KEYS = ("model", "state_dict", "teacher")


def require():
    """Raises InputError, naming the extra, where PyTorch is missing."""
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            f"PyTorch's files need PyTorch: {install('torch')}; or give the "
            "weights as .safetensors or .npz, which need nothing."
        )


def _reason(error):
    """One line for what PyTorch raised, without its advice to run the file."""
    text = str(error)
    if "weights_only" not in text:
        return first_line(error)
    found = re.search(r"GLOBAL (\S+)", text)
    return f"it holds {found[1] if found else 'code'}, which would be run"


def read(path):
    """Lists a .pth file.

    Args:
        path: of the file.

    Returns:
        Source.

    Raises:
        InputError: PyTorch is missing, or the file is damaged, no checkpoint,
            or holds more than tensors.
    """
    require()
    import torch

    try:
        # DINO's code saves its flags, which are no code, with the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # RuntimeError, UnpicklingError, EOFError, ...
        reason = _reason(error)
        raise InputError(
            f"{path} is not a whole PyTorch checkpoint of tensors alone "
            f"({reason})."
        ) from None
    left = {}
    for key in _STATE_KEYS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            others = len(state) - 1
            if others:
                left["other entries (optimizer, epoch, ...)"] = others
            state = state[key]
            break
    if not isinstance(state, dict):
        raise InputError(f"{path} holds no weights by name.")
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    source = state_dict.source(
        "PyTorch checkpoint",
        {k: tuple(v.shape) for k, v in tensors.items()},
        lambda key: tensors[key].detach().float().numpy(),
    )
    source.left |= left
    return source
