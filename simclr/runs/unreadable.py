"""The list of unreadable images that a run has met."""

import csv
import os

from simclr.messages.errors import InputError
from simclr.runs import folder as run_folder
from simclr.storage import tables


class UnreadableImages:
    """Keeps a list of them, and stops a run that meets too many.

    What earlier sessions of the run have met stays on the list. One is never
    too many, however few the images are, unless the share is 0.

    Args:
        reader: Reader of the images.
        workdir: run folder.
        max_share: share of the images that may be unreadable.
        worker: index of this process; each keeps its own list, for each reads
            its own part of every batch.
        name: of the list, without .tsv.
        ask: function that is given the error where they are too many, so that
            the run ends when it has saved; None: it is raised.
    """

    def __init__(
        self,
        reader,
        workdir,
        max_share,
        worker=0,
        name="unreadable_images",
        ask=None,
    ):
        self._reader, self._ask = reader, ask
        self._workdir = workdir
        self._max_share = max_share
        suffix = f".worker{worker}" if worker else ""
        self._name = f"{name}{suffix}.tsv"
        self._listed = self._read()

    def check(self):
        """Writes what is new.

        Returns:
            int, how many are new.

        Raises:
            InputError: this session met too many, and nobody is asked.
        """
        bad = self._reader.bad
        listed = self._listed | bad
        new = len(listed) - len(self._listed)
        if new:
            self._listed = listed
            lines = [tables.line(row, "\t") for row in sorted(listed.items())]
            run_folder.write(self._workdir, self._name, "".join(lines))
        # Of this session alone: listed ones may have been repaired since.
        most = self._max_share * len(self._reader.source)
        if len(bad) > (max(most, 1) if most else 0):
            error = InputError(
                f"At least {len(bad)} of {len(self._reader.source)} images are "
                f"unreadable, over data.max_bad_share={self._max_share:g}: "
                f"{self._workdir}/{self._name} lists those met so far. `simclr "
                "check IMAGES` finds all: remove them, or allow more."
            )
            if self._ask is None:
                raise error
            self._ask(error)
        return new

    def _read(self):
        path = os.path.join(self._workdir, self._name)
        try:
            rows = tables.read(path, "\t")
        except (FileNotFoundError, csv.Error, UnicodeDecodeError):
            return {}
        return dict(row for row in rows if len(row) == 2)
