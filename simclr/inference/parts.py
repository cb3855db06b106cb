"""One pass over the images of several parts of a data set.

Letters: m = images of a part, b = images in a batch, f = features.
"""

import numpy as np
import tensorflow as tf

from simclr.inference import features


def embed_parts(encoder, parts, *, image_size, **options):
    """Features of several Parts; an image that is in more is embedded once.

    Args:
        encoder, image_size, **options: as in features.batches.
        parts: dict of name -> split.Part.

    Returns:
        dict of name -> (the Part of the images that could be read,
        float32 [m, f] or a dict of them).

    Raises:
        InputError: as features.batches; or not one image of a part can be read.
    """
    filled = {name: _Filled(part) for name, part in parts.items()}
    for reader in {id(p.reader): p.reader for p in parts.values()}.values():
        of_reader = [p for p in filled.values() if p.part.reader is reader]
        rows = np.unique(np.concatenate([p.part.rows for p in of_reader]))
        for some, h in features.batches(
            encoder, reader, rows, image_size=image_size, **options
        ):
            for part in of_reader:
                part.put(some, h)
    return {name: part.end() for name, part in filled.items()}


def embed_part(encoder, part, *, image_size, **options):
    """`embed_parts` of one: (the Part that could be read, features)."""
    parts = {"": part}
    return embed_parts(encoder, parts, image_size=image_size, **options)[""]


class _Filled:
    """A Part, and the features of its images as far as they have come."""

    def __init__(self, part):
        self.part = part
        self._order = np.argsort(part.rows)
        self._sorted = part.rows[self._order]
        self._read = np.zeros(len(part), bool)
        self._h = None

    def put(self, rows, h):
        """Takes what it has of some images.

        Args:
            rows: int [b].
            h: [b, f] array, or a dict of them.
        """
        place = np.searchsorted(self._sorted, rows)
        place = np.minimum(place, len(self._sorted) - 1)
        ours = self._sorted[place] == rows
        if self._h is None:
            self._h = tf.nest.map_structure(
                lambda x: features.room(self.part.rows, x), h
            )
        place = self._order[place[ours]]
        for whole, some in zip(tf.nest.flatten(self._h), tf.nest.flatten(h)):
            whole[place] = some[ours]
        self._read[place] = True

    def end(self):
        """(the Part that could be read, its features)."""
        features.require_one(self._read.sum(), self._read)
        if self._read.all():
            return self.part, self._h
        return (
            self.part.take(self._read),
            tf.nest.map_structure(lambda x: x[self._read], self._h),
        )
