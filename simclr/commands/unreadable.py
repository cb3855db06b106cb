"""The list of images that a command has left out."""

import os

from simclr.messages.counts import counted
from simclr.messages.say import show
from simclr.storage import tables
from simclr.storage.whole import whole_file


def list_unreadable(path, bad):
    """Writes id and reason, as a run's unreadable_images.tsv has them.

    Args:
        path: the list to write; an older one goes where there is none.
        bad: dict of id -> reason.
    """
    if bad:
        with whole_file(path, newline="") as file:
            file.writelines(tables.line(row, "\t") for row in bad.items())
        show(f"{counted(len(bad), 'unreadable image')} left out, see {path}")
    elif os.path.exists(path):
        os.unlink(path)
