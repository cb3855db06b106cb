"""A folder of photos: any depth, no preparation, labels if it has them."""

import hashlib
import os
import re

from simclr.data.folders import class_folders, left_out
from simclr.data.images.formats import IN_WORDS
from simclr.data.shards.records import open_prepared
from simclr.data.source import Source, printable
from simclr.data.sources.manifest import list_images
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.storage import files, missing, regular


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

    What its sub-folders mean is told by data/folders/class_folders.py.

    Raises:
        InputError, OSError: no such folder, or no image in it.
    """

    def __init__(self, path, name):
        super().__init__(name)
        self._root = files.absolute(path)
        _require_folder(path, self._root)
        manifest = list_images(self._root)
        folders = manifest.folders
        layout = class_folders.find({f: len(x) for f, x in folders.items()})
        taken = {
            folder: images
            for folder, images in folders.items()
            if f"{folder}/".startswith(layout.part)
        }
        self._paths = [
            f"{folder}/{image}" if folder else image
            for folder, images in taken.items()
            for image in images
        ]
        self._note_unreadable(manifest)
        if not self._paths:
            raise InputError(_nothing_there(path, manifest))
        counts = [len(images) for images in taken.values()]
        class_folders.label(self, layout, list(taken), counts)
        self.notes += left_out.notes(manifest)

    def __len__(self):
        return len(self._paths)

    def id(self, index):
        return printable(self._paths[index])

    def read(self, index):
        path = os.path.join(self._root, self._paths[index])
        return regular.read(path, files.MAX_BYTES)

    def stamp(self, index):
        status = os.stat(os.path.join(self._root, self._paths[index]))
        return status.st_size, status.st_mtime_ns // 1000

    def fingerprint(self):
        ids = "\0".join(self._paths).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(ids, digest_size=8).hexdigest()

    def _note_unreadable(self, manifest):
        if manifest.unreadable:
            folder, reason = manifest.unreadable[0]
            folders = counted(len(manifest.unreadable), "folder")
            self.notes.append(
                f"{folders} left out that cannot be listed, such as "
                f"{printable(folder) or '.'}: {reason}"
            )


def _require_folder(given, root):
    if os.path.isdir(root):
        return
    if os.path.exists(root):
        kind = _kind_of(os.path.basename(root))
        hint = f" Say {kind}:{given}." if kind else ""
        raise InputError(
            f"{given!r} is a file; give the folder that holds the images.{hint}"
        )
    raise FileNotFoundError(f"{given!r} does not exist. {missing.hint(root)}")


def _nothing_there(given, manifest):
    message = f"{given!r} holds no {IN_WORDS} image"
    if manifest.unreadable:
        folder, reason = manifest.unreadable[0]
        message += f"; {folder or 'it'} cannot be listed: {reason}"
    elif manifest.others:
        extension = next(iter(manifest.others))
        message += f", but {left_out.counts(manifest.others)}"
        kind = _kind_of(f".{extension}")
        if kind:
            some = f"*.{extension}*" if kind != "zip" else f"FILE.{extension}"
            message += f": say {kind}:{os.path.join(given, some)}"
        elif extension in left_out.CONVERTED:
            message += f". {left_out.CONVERTED[extension]}"
    return message.rstrip(".") + "."


def _kind_of(file):
    """What reads a file, by its name: "zip"; "" where it is unknown."""
    signs = ("tfrecord", "tfrecord"), ("rray_?record", "arrayrecord")
    signs += (r"\.zip$", "zip"), (r"\.tar$", "tar"), (r"\.parquet", "parquet")
    return next((kind for sign, kind in signs if re.search(sign, file)), "")
