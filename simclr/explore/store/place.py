"""Where the tables of a store lie, local or remote."""

import lance

from simclr.storage import files


def images(path):
    """The table of the images."""
    return side(path, "images")


def side(path, name):
    """A small table beside it."""
    return f"{files.absolute(path).rstrip('/')}/{name}.lance"


def is_store(path):
    """Whether there is a store's table."""
    try:
        lance.dataset(images(path))
    except (ValueError, OSError):
        return False
    return True
