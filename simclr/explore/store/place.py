"""Where the tables of a store lie, local or remote."""

import datetime
import os

from simclr.explore.store import tables
from simclr.storage import files

# What was written over stays so long, for whoever reads it still.
_KEPT = datetime.timedelta(days=7)


def images(path):
    """The table of the images."""
    return side(path, "images")


def side(path, name):
    """A small table beside it."""
    return f"{files.absolute(path).rstrip('/')}/{name}.lance"


def is_store(path):
    """Whether there is a store's table.

    Raises:
        InputError, OSError: that cannot be told: a bucket does not answer, or
            the table is damaged (tables.py).
    """
    local = not files.is_remote(path)
    if local and not os.path.isdir(files.absolute(path)):
        return False
    return tables.find_table(images(path)) is not None


def tidy(table):
    """Removes the versions of a table that are older than a week.

    A fit of ten million images leaves 0.2 GB of columns behind, and a new index
    of duplicates 2.8 GB.

    Args:
        table: as tables.open_table.
    """
    table.cleanup_old_versions(older_than=_KEPT)
