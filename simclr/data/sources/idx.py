"""IDX files, in which MNIST and the sets like it come.

A file of images, [n, h, w] of bytes behind a short header, and one of labels
beside it, whose name has labels-idx1 where the images' has images-idx3; either
may be a .gz (yann.lecun.com/exdb/mnist has the format).
"""

import gzip
import io
import math
import os
import struct
import zlib

import numpy as np
from PIL import Image

from simclr.data.source import Source
from simclr.messages.errors import InputError
from simclr.storage import files

_BYTES = 0x08  # The only type of numbers that such sets have.
_SPLITS = {"train": "train-images", "test": "t10k-images"}


class IdxSource(Source):
    """Grey images of an array, with their labels.

    Args:
        images: uint8 [n, h, w].
        labels: uint8 [n], or None.
        name: str.
    """

    def __init__(self, images, labels, name):
        super().__init__(name)
        self._images = images
        if labels is not None:
            self.labels = labels.astype(np.int32)
            self.class_names = [str(i) for i in range(int(labels.max()) + 1)]

    def __len__(self):
        return len(self._images)

    def id(self, index):
        return f"{index:06d}"

    def read(self, index):
        data = io.BytesIO()
        Image.fromarray(self._images[index]).save(data, "PNG", compress_level=1)
        return data.getvalue()


def open_idx(rest, name):
    """Opens the images of a file, with the labels beside it.

    Args:
        rest: path of the file of images.
        name: str, the whole words.

    Raises:
        InputError: it is no such file, or the labels are of others.
        OSError: it cannot be read.
    """
    path = files.expand(rest)
    images = _read(path, axes=3)
    folder, file = os.path.split(path)
    beside = os.path.join(folder, file.replace("images-idx3", "labels-idx1"))
    labels = None
    if beside != path and os.path.exists(beside):
        labels = _read(beside, axes=1)
        if len(labels) != len(images):
            raise InputError(
                f"{path} holds {len(images):,} images and {beside} "
                f"{len(labels):,} labels."
            )
    return IdxSource(images, labels, name)


def find(folder):
    """The words of the training and the test images of MNIST's file names.

    Args:
        folder: path of the four files.

    Returns:
        dict of "train", "test" -> str, as open_source takes it.

    Raises:
        InputError: one of them is not there.
    """
    folder = files.absolute(folder)
    found = {}
    for split, begin in _SPLITS.items():
        names = [f"{begin}-idx3-ubyte{end}" for end in ("", ".gz")]
        there = [n for n in names if os.path.exists(os.path.join(folder, n))]
        if not there:
            raise InputError(f"{folder} holds no {names[0]}, nor {names[1]}.")
        found[split] = f"idx:{os.path.join(folder, there[0])}"
    return found


def _read(path, *, axes):
    """uint8 array of a file, whose number of axes is known.

    Raises:
        InputError: it is another file, or is cut short.
    """
    data = files.read_file(path)
    stream = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=stream)
    try:
        head = struct.unpack(">HBB", stream.read(4))
        if head != (0, _BYTES, axes):
            raise InputError(
                f"{path} is no IDX file of bytes with {axes} axes."
            )
        shape = struct.unpack(f">{axes}I", stream.read(4 * axes))
        size = math.prod(shape)
        if size > files.MAX_BYTES:
            raise InputError(f"{path} says that it holds {size:,} bytes.")
        # A byte more than it says, not all that a gzip may unpack to.
        found = np.frombuffer(stream.read(size + 1), np.uint8)
    except (struct.error, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is no IDX file: {error}.") from None
    if found.size != size or not size:
        kind = "cut short" if found.size < size else "longer than it says"
        raise InputError(
            f"{path} is {kind}: {found.size:,} bytes of "
            f"{' x '.join(map(str, shape))}."
        )
    return found.reshape(shape)
