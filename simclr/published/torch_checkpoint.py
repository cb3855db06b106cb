"""PyTorch checkpoints of torchvision-style ResNets, Barlow Twins' among them.

Only tensors and plain containers are read (weights_only=True): a file that
would run code on loading is refused.
"""

import collections
import importlib.util
import re

from simclr.messages.errors import InputError
from simclr.published.weights_file import Source

# What wraps the net in a full checkpoint: DistributedDataParallel, the method.
_WRAPPING = re.compile(r"^(?:module\.)?(?:backbone\.)?")
_STATE_KEYS = ("model", "state_dict")


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
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            f"Reading {path} needs PyTorch: pip install simclr[torch]"
        )
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # RuntimeError, UnpicklingError, EOFError, ...
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
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
    source = from_shapes({k: tuple(v.shape) for k, v in tensors.items()})
    source.left |= left
    source.read = lambda key: to_ours(tensors[key].float().numpy())
    return source


def from_shapes(shapes):
    """A Source without `read`, from the names and shapes of a state dict."""
    left = collections.Counter()
    names, ours = {}, {}
    for key, shape in shapes.items():
        name = _WRAPPING.sub("", key)
        if name.endswith("num_batches_tracked"):
            left["batch counters (num_batches_tracked)"] += 1
        elif re.fullmatch(r"module\.bn\.\w+", key):
            # No part of a net: Barlow Twins' loss normalizes with it.
            left["statistics of the Barlow Twins loss"] += 1
        else:
            names[key] = name
            ours[key] = _to_our_axes(tuple(shape))
    return Source(
        kind="PyTorch checkpoint",
        shapes=ours,
        names={"torch": names},
        read=None,
        left=dict(left),
    )


def to_ours(array):
    """A PyTorch weight in our layout: OIHW to HWIO, [out, in] to [in, out]."""
    return array.transpose(_to_our_axes(tuple(range(array.ndim))))


def _to_our_axes(items):
    """Reorders a tuple of four or two items from PyTorch's axes to ours."""
    if len(items) == 4:
        outputs, inputs, height, width = items
        return height, width, inputs, outputs
    return items[::-1] if len(items) == 2 else items
