"""One process a folder: a lock that ends with the process, however it ends."""

import contextlib
import fcntl
import os

from simclr.messages.errors import InputError


@contextlib.contextmanager
def locked(folder, busy, *, name="lock"):
    """Holds a local folder; a disk without locks is not held.

    Args:
        folder: str, that is there.
        busy: str, the error where another process holds it.
        name: of an empty file that the folder gets; "": none, the folder
            itself is held, which network disks may not know.

    Raises:
        InputError: another process holds the folder.
    """
    how = os.O_RDWR | os.O_CREAT if name else os.O_RDONLY
    lock = os.open(os.path.join(folder, name), how, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(busy) from None
        except OSError:  # A disk without locks.
            pass
        yield
    finally:
        os.close(lock)
