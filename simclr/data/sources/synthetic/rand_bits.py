"""Images with random bits beside the colours: RandBits, an easy feature.

Chen, Luo and Li 2020, arXiv 2011.02803, Section 4: both views of an image have
the same bits, so that telling images apart by them is easy, and an encoder that
does so learns nothing else. Theirs hash the image's bytes, ours its id.
"""

import hashlib

import numpy as np

from simclr.data.source import Source
from simclr.messages.errors import InputError

_MOST = 64


class RandBits(Source):
    """A source's images, each with random bits of its own.

    Args:
        name: str, the whole words.
        images: Source.
        bits: k, bits of an image.
        seed: int.

    Raises:
        InputError: more bits than 64.
    """

    def __init__(self, name, *, images, bits: int = 1, seed: int = 0):
        super().__init__(name)
        if not 0 <= bits <= _MOST:
            raise InputError(
                f"{name}: bits={bits}; there are 0 to {_MOST} of them."
            )
        self._source, self.num_planes = images, bits
        self._salt = seed.to_bytes(8, "little")
        self.labels, self.class_names = images.labels, images.class_names
        self.block_size = images.block_size
        self.bit_depth = images.bit_depth
        self.notes = list(images.notes)
        self.why_unlabelled = images.why_unlabelled

    def __len__(self):
        return len(self._source)

    def id(self, index):
        return self._source.id(index)

    def read(self, index):
        return self._source.read(index)

    def stamp(self, index):
        return self._source.stamp(index)

    def fingerprint(self):
        return self._source.fingerprint()

    def planes(self, index):
        digest = hashlib.blake2b(
            self.id(index).encode(), digest_size=8, salt=self._salt
        )
        bits = np.unpackbits(np.frombuffer(digest.digest(), np.uint8))
        return bits[: self.num_planes].astype(np.float32)
