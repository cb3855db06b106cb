"""Small encoded images and sources for the tests of the data modules."""

import io

import numpy as np
from PIL import Image

from simclr.data.source import Source


def encoded(number=0, size=(12, 10), file_format="PNG"):
    """An image of its own for every number, as bytes."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, [size[1], size[0], 3], dtype=np.uint8)
    return as_file(pixels, file_format)


def as_file(pixels, file_format="PNG", **options):
    """Pixels as the bytes of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, **options)
    return file.getvalue()


def write(path, number=0, **options):
    """Writes an image, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(number, **options))


class ListSource(Source):
    """A source of given bytes; an exception in the list is raised."""

    def __init__(self, items, labels=None, class_names=None):
        super().__init__("a list")
        self._items = items
        self.labels = None if labels is None else np.asarray(labels, np.int32)
        self.class_names = class_names

    def __len__(self):
        return len(self._items)

    def id(self, index):
        return f"item/{index}"

    def read(self, index):
        if isinstance(self._items[index], Exception):
            raise self._items[index]
        return self._items[index]
