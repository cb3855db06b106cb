"""Makes the embedded sample from Debian's package dataset-fashion-mnist.

    python -m simclr.data.sources.make_sample

1,200 training and 200 test images of each of ten classes, chosen and shuffled
by a fixed seed. An id is an image's place in Fashion-MNIST, train/00042.
"""

import gzip
import io
import os
import shutil

import numpy as np
from PIL import Image

from simclr.data.shards.prepare import prepare
from simclr.data.source import Source
from simclr.data.sources.sample import FOLDER

_DEBIAN = "/usr/share/datasets/fashion-mnist"
_SEED = 2017
_PER_CLASS = {"train": 1200, "test": 200}
_FILES = {"train": "train", "test": "t10k"}
CLASS_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


class _FashionMnist(Source):
    """A class-balanced part of one split, as PNG bytes."""

    def __init__(self, split):
        super().__init__(f"fashion-mnist/{split}")
        self._split = split
        images = _read_idx(f"{_FILES[split]}-images-idx3-ubyte.gz", 16)
        labels = _read_idx(f"{_FILES[split]}-labels-idx1-ubyte.gz", 8)
        rng = np.random.Generator(np.random.PCG64(_SEED))
        self._rows = rng.permutation(
            np.concatenate(
                [
                    rng.choice(
                        np.flatnonzero(labels == label),
                        _PER_CLASS[split],
                        replace=False,
                    )
                    for label in range(len(CLASS_NAMES))
                ]
            )
        )
        self._images = images.reshape(-1, 28, 28)
        self.labels = labels[self._rows].astype(np.int32)
        self.class_names = CLASS_NAMES

    def __len__(self):
        return len(self._rows)

    def id(self, index):
        return f"{self._split}/{self._rows[index]:05d}"

    def read(self, index):
        file = io.BytesIO()
        image = Image.fromarray(self._images[self._rows[index]])
        image.save(file, "PNG", optimize=True)
        return file.getvalue()


def _read_idx(file, header_bytes):
    with gzip.open(os.path.join(_DEBIAN, file)) as data:
        return np.frombuffer(data.read(), np.uint8, offset=header_bytes)


def main():
    """Writes simclr/data/sample/{train,test} anew."""
    for split in _PER_CLASS:
        folder = os.path.join(FOLDER, split)
        shutil.rmtree(folder, ignore_errors=True)
        prepare(_FashionMnist(split), folder, file_format="tfrecord")


if __name__ == "__main__":
    main()
