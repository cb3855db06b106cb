"""NumPy's zip of arrays by name; read without pickle."""

import zipfile
import zlib

import numpy as np

from simclr.messages.errors import InputError
from simclr.published.files import names_tell


def read(path):
    """Lists an .npz file of PyTorch's or Keras's names.

    Returns:
        Source.

    Raises:
        InputError: it is damaged, or its names are of no library known here.
    """
    try:
        with np.load(path, allow_pickle=False) as zipped:
            arrays = {name: zipped[name] for name in zipped.files}
    except (
        OSError,
        ValueError,
        EOFError,
        AttributeError,  # A bare .npy has no `files`.
        MemoryError,  # An array that says it is larger than it can be.
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path} is not a whole file of arrays ({error})."
        ) from None
    shapes = {name: array.shape for name, array in arrays.items()}
    return names_tell.source("NumPy file", path, shapes, arrays.__getitem__)
