"""Where a folder can be made."""

import os

from simclr.messages.errors import InputError


def require_folder(path, name):
    """Refuses a path that is no folder, and where none can be made.

    Args:
        path: str, local.
        name: str, what the user calls it, "--workdir=runs/mine" or the like.

    Raises:
        InputError: it, or what it lies in, is a file or must not be written to.
    """
    path = place = os.path.abspath(os.path.expanduser(path))
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        what = name if place == path else f"{name}: {place}"
        raise InputError(f"{what} is a file, not a folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{name}: {place} is not yours to write to.")
