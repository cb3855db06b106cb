"""One process a folder: a lock that ends with the process, however it ends."""

import contextlib
import fcntl
import os

from simclr.messages.errors import InputError


@contextlib.contextmanager
def locked(folder, busy):
    """Holds a local folder; a disk without locks is not held.

    Args:
        folder: str, that is there; gets an empty file `lock`.
        busy: str, the error where another process holds it.

    Raises:
        InputError: another process holds the folder.
    """
    with open(os.path.join(folder, "lock"), "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(busy) from None
        except OSError:  # A disk without locks.
            pass
        yield
