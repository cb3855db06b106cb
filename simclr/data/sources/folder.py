"""A folder of photos: any depth, no preparation, labels if it has them."""

import hashlib
import os

import numpy as np

from simclr.data.shards.records import open_prepared
from simclr.data.source import Source
from simclr.data.sources.manifest import list_images
from simclr.messages.errors import InputError
from simclr.messages.hints import near
from simclr.storage import files, regular

# No image is that large; a file that is would fill the memory.
MAX_BYTES = 1 << 30
# Sub-folders of these names are parts of a data set, not classes.
_SPLITS = frozenset(
    ["train", "training", "val", "valid", "validation", "test", "testing"]
)


def open_folder(path, name):
    """Opens a folder of images, or one that `simclr prepare` wrote.

    Args:
        path: of the folder.
        name: the words of the user.

    Raises:
        InputError, OSError: a remote path, no such folder, or no image in it.
    """
    if files.is_remote(path):
        raise InputError(
            f"{path!r}: remote images are read from shards. Pack them with "
            f"`simclr prepare`, then say tfrecord:{path.rstrip('/')}."
        )
    prepared = open_prepared(path, name)
    return FolderSource(path, name) if prepared is None else prepared


class FolderSource(Source):
    """Images under a folder; an id is the path below it, with "/".

    The names of its sub-folders are labels when every image lies in a folder
    directly below the root, there are at least two such folders with two
    images each on average, and they are not all called train, test or alike.

    Raises:
        InputError, OSError: no such folder, or no image in it.
    """

    def __init__(self, path, name):
        super().__init__(name)
        self._root = files.absolute(path)
        _require_folder(path, self._root)
        manifest = list_images(self._root)
        self._paths = [
            f"{folder}/{image}" if folder else image
            for folder, images in manifest.folders.items()
            for image in images
        ]
        self._note_unreadable(manifest)
        if not self._paths:
            raise InputError(_nothing_there(path, manifest))
        self._note_lost_classes(manifest)
        if _folders_are_classes(manifest):
            counts = [len(images) for images in manifest.folders.values()]
            self.class_names = [_printable(name) for name in manifest.folders]
            self.labels = np.repeat(
                np.arange(len(counts), dtype=np.int32), counts
            )

    def __len__(self):
        return len(self._paths)

    def id(self, index):
        return _printable(self._paths[index])

    def read(self, index):
        path = os.path.join(self._root, self._paths[index])
        return regular.read(path, MAX_BYTES)

    def stamp(self, index):
        status = os.stat(os.path.join(self._root, self._paths[index]))
        return status.st_size, status.st_mtime_ns // 1000

    def fingerprint(self):
        ids = "\0".join(self._paths).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(ids, digest_size=8).hexdigest()

    def _note_unreadable(self, manifest):
        if manifest.unreadable:
            folder, reason = manifest.unreadable[0]
            self.notes.append(
                f"{len(manifest.unreadable)} folders cannot be listed and "
                f"are left out, such as {_printable(folder) or '.'}: {reason}"
            )

    def _note_lost_classes(self, manifest):
        """Some images lie in folders like classes, but not all of them."""
        stray = [f for f in manifest.folders if not f or "/" in f]
        if stray and len(manifest.folders) - len(stray) >= 2:
            name = manifest.folders[stray[0]][0]
            where = f"{stray[0]}/{name}" if stray[0] else name
            self.notes.append(
                "sub-folders are not taken for classes, because some images "
                "do not lie in a folder directly below the root, such as "
                f"{_printable(where)}"
            )


def _folders_are_classes(manifest):
    folders = manifest.folders
    return (
        len(folders) >= 2
        and all(folder and "/" not in folder for folder in folders)
        and sum(map(len, folders.values())) >= 2 * len(folders)
        and not {folder.lower() for folder in folders} <= _SPLITS
    )


def _require_folder(given, root):
    if os.path.isdir(root):
        return
    if os.path.exists(root):
        records = "tfrecord" in os.path.basename(root)
        hint = f" Of records, say tfrecord:{given}." if records else ""
        raise InputError(
            f"{given!r} is a file; give the folder that holds the images.{hint}"
        )
    parent = os.path.dirname(root)
    while not os.path.isdir(parent):
        root, parent = parent, os.path.dirname(parent)
    name = os.path.basename(root)
    meant = near(name, files.list_folder(parent))
    hint = (
        f"Did you mean {os.path.join(parent, meant)}?"
        if meant
        else f"{parent} exists, but has no {name!r}."
    )
    raise FileNotFoundError(f"{given!r} does not exist. {hint}")


def _nothing_there(given, manifest):
    message = f"{given!r} holds no JPEG, PNG, GIF, BMP or WebP image"
    if manifest.unreadable:
        folder, reason = manifest.unreadable[0]
        message += f"; {folder or 'it'} cannot be listed: {reason}"
    elif manifest.others:
        extension, count = max(manifest.others.items(), key=lambda x: x[1])
        message += f", but {count:,} .{extension} files"
        if "tfrecord" in extension:
            message += f": say tfrecord:{os.path.join(given, '*')}"
        elif "array_record" in extension or "arrayrecord" in extension:
            message += f": say arrayrecord:{os.path.join(given, '*')}"
    return message + "."


def _printable(name):
    """A name that any file can hold: bytes that are no text become \\xNN."""
    if name.isascii():
        return name
    data = name.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace")
