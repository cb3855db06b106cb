"""A source of images: what every kind of it can do.

Every source reads at random, by index, and names every image with an id that
stays the same as long as the source holds the same images.
"""

import hashlib
import re

import numpy as np


class Source:
    """Encoded images by index.

    Attributes:
        name: str, the words it was opened with.
        labels: int32 [num], -1 where an image has no label; None when no
            image has one.
        class_names: list of str, the names of labels 0, 1, ...; or None.
        block_size: int, how many neighbours come with one request, about,
            where reads at random are dear, as from gs://; else 1.
        why_unlabelled: str, why what looks like classes was not taken for them;
            "" where nothing does.
        notes: list of str, what a user should know about it, a line each.
        bit_depth: int, how many bits grey images of 16 bits use.
        num_planes: k, planes of an image beside its colours.
    """

    def __init__(self, name):
        self.name = name
        self.labels = None
        self.class_names = None
        self.block_size = 1
        self.why_unlabelled = ""
        self.notes = []
        self.bit_depth = 16
        self.num_planes = 0

    def __len__(self):
        """Number of images."""
        raise NotImplementedError

    def id(self, index):
        """The stable, unique name of an image, a str."""
        raise NotImplementedError

    def read(self, index):
        """The encoded bytes of an image; may be called from many threads.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        raise NotImplementedError

    def stamp(self, index):
        """What tells an image from a later one of its name, cheaply.

        Returns:
            (size in bytes, time of change in us since 1970), or (None, None)
            where the source cannot tell.

        Raises:
            OSError: the image is gone.
        """
        return None, None

    def planes(self, index):
        """float32 [k] in [0, 1], the value of each of an image's planes.

        A plane is constant over the image and follows its colours into the net
        as one more channel; no operation of a view touches it. May be called
        from many threads.
        """
        return np.zeros([self.num_planes], np.float32)

    def unlabelled(self):
        """That it has no labels, and why, for a message."""
        why = f" ({self.why_unlabelled})" if self.why_unlabelled else ""
        return f"{self.name} has no labels{why}"

    def fingerprint(self):
        """Digest of the ids, 16 hexadecimal digits: what the source holds."""
        digest = hashlib.blake2b(digest_size=8)
        for index in range(len(self)):
            digest.update(self.id(index).encode() + b"\0")
        return digest.hexdigest()


def labels_or_none(labels):
    """int32 labels, or None when not one image has any (all -1)."""
    labels = np.asarray(labels, np.int32)
    return labels if (labels >= 0).any() else None


def printable(name):
    """A name that any file can hold: bytes that are no text become \\xNN.

    A name that has such letters itself gets them as \\x5cxNN, so that no two
    names become one.
    """
    name = re.sub(r"\\(?=x[0-9a-f]{2})", r"\\x5c", name)
    if name.isascii():
        return name
    data = name.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace")
