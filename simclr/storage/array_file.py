"""Arrays in .npy files."""

import errno
import os
import types

import numpy as np

from simclr.storage.regular import regular
from simclr.storage.whole import whole_file


def write_whole(path, array):
    """Writes an array as a whole .npy file (whole.whole_file).

    Raises:
        OSError: it cannot be written; it names the file.
    """
    with whole_file(path, "wb") as file:
        # To a file NumPy writes by itself, and of a full disk it says only how
        # many values it wrote, without the system's error.
        np.save(types.SimpleNamespace(write=file.write), array, False)


def create(path, dtype, shape):
    """A new .npy file, mapped into memory, whose room on the disk is taken.

    Without that, the first write that finds the disk full ends the process
    by a signal (SIGBUS), without a word.

    Args:
        path: local file to make or replace.
        dtype, shape: of the array.

    Returns:
        np.memmap of zeros.

    Raises:
        OSError: the disk has no room for it.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with open(path, "rb+") as file:
        size = os.path.getsize(path)
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
    return array


def mapped(path):
    """The array of a whole .npy file, read from the disk where it is used.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    os.close(regular(path, os.O_RDONLY))  # NumPy maps names, not open files.
    return np.load(path, mmap_mode="r", allow_pickle=False)
