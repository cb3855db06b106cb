"""What to say of a path that is not there: what the user may have meant."""

import os

from simclr.messages.hints import near


def hint(path):
    """One sentence on a local path that does not exist.

    Args:
        path: str, absolute or not.

    Returns:
        "Did you mean ...?", of the part of it that is not there; else which
        folder is there, and what it lacks. "" of a remote one.
    """
    if "://" in path:
        return ""
    path = os.path.abspath(os.path.expanduser(path))
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        path, parent = parent, os.path.dirname(parent)
    name = os.path.basename(path)
    try:
        meant = near(name, sorted(os.listdir(parent)))
    except OSError:  # It may not be listed.
        meant = ""
    if meant:
        return f"Did you mean {os.path.join(parent, meant)}?"
    return f"{parent} exists, but has no {name!r}."
