"""What `simclr lower` wrote beside a run, read back."""

import os

import numpy as np

from simclr.pjrt.executable import Executable
from simclr.storage import array_file
from simclr.storage.regular import regular


def path(run, name):
    """Of a file of a lowered run."""
    return os.path.join(run, "lowered", name)


def arrays(file):
    """Arrays of an .npz file by their names."""
    with (
        open(file, "rb", opener=regular) as opened,
        np.load(opened, allow_pickle=False) as zipped,
    ):
        return dict(zipped)


def mapped(file):
    """The array of an .npy file, not read before it is used; None for none."""
    try:
        return array_file.mapped(file)
    except FileNotFoundError:
        return None


def compiled(run, program, devices):
    """A program of the signature, for devices: an Executable."""
    with open(path(run, program["file"]), "rb") as file:
        return Executable(file.read(), devices)
