"""Vectors of very many images in a folder of shards.

    manifest.json     what they are of: encoder, step, image size, images, dtype
    00000.npy         vectors [n, f], float16 or float32
    00000.json        their ids, in the same order; what could not be read, why

A shard is there whole or not at all, and its .npy is written last: a run that
was killed loses the shards under way, and the same command makes what is
missing. A shard that was damaged later, by a full disk or half a copy, is a
shard that is not there.

Letters: m = images, n = images in a shard, f = features.
"""

import dataclasses
import os

import numpy as np

from simclr.messages.errors import InputError
from simclr.storage import array_file, files, json_text

MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Shards:
    """The shards of a folder; `read_shards` sees that all are there.

    Attributes:
        folder: str.
        manifest: dict.
    """

    folder: str
    manifest: dict

    def __iter__(self):
        """Shard by shard: vectors [n, f], mapped from the file, and ids."""
        for index in range(self.manifest["shards"]):
            yield self.vectors(index), self._names(index)["ids"]

    def with_rows(self, source):
        """Shard by shard, except for empty ones: vectors [n, f], and whose.

        Args:
            source: the Source that they are of.

        Yields:
            vectors [n, f], mapped from the file; a list of n rows of `source`.
        """
        left_out, size = self.unreadable(), self.manifest["images_per_shard"]
        for index, (vectors, _) in enumerate(self):
            every = range(index * size, min((index + 1) * size, len(source)))
            rows = [row for row in every if source.id(row) not in left_out]
            if rows:
                yield vectors, rows

    def vectors(self, index):
        """The vectors [n, f] of a shard, mapped from the file."""
        path = vectors_path(self.folder, index)
        return array_file.mapped(path)

    def whole(self):
        """The indices of the shards that are there whole, a list."""
        every = range(self.manifest["shards"])
        return [i for i in every if is_whole(self.folder, i)]

    def _names(self, index):
        return json_text.read(ids_path(self.folder, index))

    def unreadable(self):
        """dict of id -> reason of the images that have no vector."""
        found = {}
        for index in range(self.manifest["shards"]):
            found |= self._names(index)["unreadable"]
        return found

    def load(self):
        """(vectors [m, f], list of m ids), in memory.

        Raises:
            InputError: not one image could be read.
        """
        parts = [(vectors, names) for vectors, names in self if names]
        if not parts:
            raise InputError(f"{self.folder}: not one image could be read.")
        ids = [name for _, names in parts for name in names]
        return np.concatenate([vectors for vectors, _ in parts]), ids


def read_shards(folder):
    """The shards that `write_shards` wrote.

    Returns:
        Shards.

    Raises:
        InputError: there are none, or some are missing.
    """
    folder = files.expand(folder)
    found = Shards(folder, read_manifest(folder))
    count = found.manifest["shards"]
    missing = count - len(found.whole())
    if missing:
        raise InputError(
            f"{folder} lacks {missing} of {count} shards, or they are damaged: "
            "look at the same images again; several workers must share its "
            "disk."
        )
    return found


def read_manifest(folder):
    """What a folder's vectors are of: dict.

    Raises:
        InputError: the folder holds no vectors, or its manifest is damaged.
    """
    path = os.path.join(files.expand(folder), MANIFEST)
    try:
        manifest = json_text.read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder} holds no vectors: it has no {MANIFEST}."
        ) from None
    except ValueError as error:
        raise InputError(
            f"{path} is damaged ({error}): delete {folder} and embed again."
        ) from None
    if not isinstance(manifest, dict) or "images_per_shard" not in manifest:
        raise InputError(
            f"{folder} holds something else: choose another folder."
        )
    return manifest


def is_folder(folder):
    """Whether a folder of shards was begun there."""
    return os.path.isfile(os.path.join(folder, MANIFEST))


def is_whole(folder, index):
    """Whether both files of a shard are there and go together."""
    try:
        vectors = array_file.mapped(vectors_path(folder, index))
        names = json_text.read(ids_path(folder, index))
        return len(vectors) == len(names["ids"]) and "unreadable" in names
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return False


def vectors_path(folder, index):
    return os.path.join(folder, f"{index:05d}.npy")


def ids_path(folder, index):
    return os.path.join(folder, f"{index:05d}.json")
