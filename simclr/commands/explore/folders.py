"""Where a command writes its report."""

import os

from simclr.messages.errors import InputError
from simclr.storage import files


def report_folder(store, out, *names):
    """The folder that was asked for, or one in the store.

    Args:
        store: Store.
        out: str, what the user said, or "".
        *names: of the folder in the store.

    Raises:
        InputError: the store is remote, and the user said nothing.
    """
    if out:
        return out
    if files.is_remote(store.path):
        raise InputError(f"{store.path} is remote: say --out=FOLDER.")
    return os.path.join(store.path, *names)
