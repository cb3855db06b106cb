"""What `simclr lower` wrote beside a run, read back."""

import os

import numpy as np

from simclr.pjrt.executable import Executable


def path(run, name):
    """Of a file of a lowered run."""
    return os.path.join(run, "lowered", name)


def arrays(file):
    """Arrays of an .npz file by their names."""
    with np.load(file, allow_pickle=False) as zipped:
        return dict(zipped)


def mapped(file):
    """The array of an .npy file, not read before it is used; None for none."""
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None


def compiled(run, program, devices):
    """A program of the signature, for devices: an Executable."""
    with open(path(run, program["file"]), "rb") as file:
        return Executable(file.read(), devices)
