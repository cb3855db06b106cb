"""What to say of a path that is not there: what the user may have meant."""

import os

from simclr.messages.hints import near


def message(path, kind=""):
    """One line on a path that does not exist.

    Args:
        path: str, absolute or not.
        kind: what it should be, in words.
    """
    what = f"{kind} {path or repr('')}".strip()
    return f"There is no {what}. {hint(path)}".rstrip()


def hint(path):
    """One sentence on a local path that does not exist.

    Args:
        path: str, absolute or not.

    Returns:
        "Did you mean ...?", of the part of it that is not there; else why it
        is not, or which folder is there and what it lacks. "" of a remote
        path, or of none.
    """
    if "://" in path or not path:
        return ""
    path = os.path.abspath(os.path.expanduser(path))
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        path, parent = parent, os.path.dirname(parent)
    name = os.path.basename(path)
    if os.path.islink(path):
        return f"{path} is a link to what does not exist."
    if os.path.exists(path):
        return f"{path} is a file."
    try:
        names = sorted(os.listdir(parent))
    except OSError:
        names = None
    if names is None or not os.access(parent, os.X_OK):
        return f"{parent} cannot be read."
    if meant := near(name, names):
        return f"Did you mean {os.path.join(parent, meant)}?"
    return f"{parent} exists, but has no {name!r}."
