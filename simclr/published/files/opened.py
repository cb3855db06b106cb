"""Which reader a file of weights takes."""

import os
import re

from simclr.messages.errors import InputError
from simclr.published.files import hdf5_file, npz_file, safetensors_file
from simclr.storage import missing

# Of a PyTorch file there are more endings than one.
_TORCH = re.compile(r".*\.(pth|pt|pth\.tar|bin)")
_ENDINGS = re.compile(
    r"\.(index|data-\S+|pth|pt|pth\.tar|bin|safetensors|npz|"
    r"(weights\.)?h5|hdf5|keras)$"
)
_READERS = {
    ".safetensors": safetensors_file.read,
    ".npz": npz_file.read,
    ".h5": hdf5_file.read,
    ".hdf5": hdf5_file.read,
    ".keras": hdf5_file.read,
}


def is_weights(path):
    """Whether a path is called as a file of one of these kinds is."""
    return bool(_TORCH.fullmatch(path)) or path.endswith(tuple(_READERS))


def require(path):
    """Stops where a file of weights is not there, or what reads it.

    A cheap look, before work starts.

    Raises:
        InputError: it is so.
    """
    if not os.path.exists(path):
        raise InputError(missing.message(path))
    if _TORCH.fullmatch(path):
        from simclr.published.files import torch_checkpoint

        torch_checkpoint.require()


def bare_name(path):
    """A path without the ending that says what kind of weights it is."""
    return _ENDINGS.sub("", path)


def read(path):
    """The Source of whatever kind of weights `path` is.

    Raises:
        InputError: it is none, or a damaged one.
    """
    if "://" in path:
        raise InputError(
            f"{path}: a checkpoint is read from a local disk; fetch it with "
            "gcloud storage cp -r."
        )
    if os.path.isfile(path) and is_weights(path):
        if _TORCH.fullmatch(path):
            from simclr.published.files import torch_checkpoint

            source = torch_checkpoint.read(path)
        else:
            source = _READERS[os.path.splitext(path)[1]](path)
        source.path = path
        return source
    from simclr.published.files import tensorflow_checkpoint

    prefix = tensorflow_checkpoint.find(path)
    if prefix:
        return tensorflow_checkpoint.read(prefix)
    if not os.path.exists(path):
        raise InputError(missing.message(path, "checkpoint"))
    raise InputError(
        f"{path} is no checkpoint: give a TensorFlow prefix (model.ckpt-N), "
        "its folder, a SavedModel's folder, or a .pth, .safetensors, .npz, "
        ".h5 or .keras file."
    )
