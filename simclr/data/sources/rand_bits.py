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
        source: Source.
        count: k, bits of an image.
        name: str.
    """

    def __init__(self, source, count, name):
        super().__init__(name)
        self._source, self.num_planes = source, count
        self.labels, self.class_names = source.labels, source.class_names
        self.block_size = source.block_size
        self.bit_depth = source.bit_depth
        self.notes = list(source.notes)
        self.why_unlabelled = source.why_unlabelled

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
        digest = hashlib.blake2b(self.id(index).encode(), digest_size=8)
        bits = np.unpackbits(np.frombuffer(digest.digest(), np.uint8))
        return bits[: self.num_planes].astype(np.float32)


def open_rand_bits(rest, name):
    """Opens "K:IMAGES".

    Args:
        rest: str, the number of bits, and a source as open_source takes it.
        name: str, the whole words.

    Raises:
        InputError: no number of bits from 1 to 64, or as open_source.
    """
    from simclr.data.sources.registry import open_source

    count, _, images = rest.partition(":")
    if not count.isdecimal() or not 1 <= int(count) <= _MOST:
        raise InputError(
            f"{name!r} says how many bits there are, from 1 to {_MOST}: "
            "randbits:2:IMAGES."
        )
    return RandBits(open_source(images), int(count), name)
