"""Which images of a source are new to a store, changed, gone, or back.

Letters: n = images of the source, m = rows of the source in the table.
"""

import dataclasses

import numpy as np

from simclr.explore.store.cells import quoted


@dataclasses.dataclass(frozen=True)
class Changes:
    """How a source differs from what a store has of it.

    Attributes:
        new: int64, rows of the source that the table does not have.
        changed: int64, rows of the source whose file is another one now.
        missing: int64, rows of the source that the table has without a vector
            of the encoder.
        gone: list of ids that the source has no more, or not to be read.
        back: list of ids that were gone and are there again.
    """

    new: np.ndarray
    changed: np.ndarray
    missing: np.ndarray
    gone: list
    back: list

    @property
    def to_embed(self):
        """int64, rows of the source, in its order."""
        parts = [self.new, self.changed, self.missing]
        return np.unique(np.concatenate(parts))

    def without(self, bad, ids):
        """What is known once the images were tried.

        Args:
            bad: ids of images that could not be read, just now.
            ids: list of str, of the source's images.

        Returns:
            Changes, of the images that could be read; those that the table
            has, and that are damaged now, are gone.
        """
        back = [name for name in self.back if name not in bad]
        there = (ids[row] for row in (*self.changed, *self.missing))
        damaged = [name for name in there if name in bad]
        were = set(self.back)  # Gone already.
        gone = [name for name in damaged if name not in were]

        def read(rows):
            return _rows(row for row in rows if ids[row] not in bad)

        return Changes(
            *map(read, (self.new, self.changed, self.missing)),
            gone=self.gone + gone,
            back=back,
        )


def changes(store, encoder, root, ids, stamps, unreadable=None):
    """Compares a source with a store.

    Args:
        store: Store; None: there is none yet.
        encoder: schema.Encoder that is to see the images; None: one that the
            store does not know.
        root: str, the source as the table has it.
        ids: list of str [n], as the table has them.
        stamps: list of (bytes, time in us), or of (None, None) [n].
        unreadable: dict of id -> stamp of images that are not to be tried
            again as long as their stamps are these.

    Returns:
        Changes.
    """
    nothing = np.zeros([0], np.int64)
    if store is None:
        return Changes(_rows(range(len(ids))), nothing, nothing, [], [])
    unreadable = unreadable or {}
    names = ["id", "bytes", "time", "gone"]
    if encoder is not None:
        names.append(encoder.column("model"))
    known = {}
    scanner = store.table.scanner(
        columns=names, filter=f"source = {quoted(root)}"
    )
    for batch in scanner.to_batches():
        columns = [column.to_pylist() for column in batch.columns]
        for name, *facts in zip(*columns):
            known[name] = facts
    new, changed, missing, gone, back = [], [], [], [], []
    for row, (name, stamp) in enumerate(zip(ids, stamps)):
        facts = known.pop(name, None)
        tried = unreadable.get(name) == tuple(stamp)
        if facts is None:
            if not tried:
                new.append(row)
            continue
        size, time, day, *model = facts
        if tried:  # It was an image once.
            if day is None:
                gone.append(name)
            continue
        if stamp[0] is not None and tuple(stamp) != (size, time):
            changed.append(row)
        elif not model or model[0] is None:
            missing.append(row)
        if day is not None:
            back.append(name)
    gone += [name for name, facts in known.items() if facts[2] is None]
    return Changes(*map(_rows, (new, changed, missing)), gone, back)


def _rows(numbers):
    return np.array(list(numbers), np.int64)
