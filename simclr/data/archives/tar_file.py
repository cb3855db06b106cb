"""Images in tar files, read at random; among them WebDataset's shards.

A tar file has no directory: one walk over it finds its members, and what it
found is kept (simclr/storage/cache.py).
"""

import json
import tarfile
import zlib

import numpy as np

from simclr.data.archives import members, webdataset
from simclr.data.archives.seekable import Seekable
from simclr.data.folders import left_out
from simclr.data.images.formats import HEAD_BYTES, extensions, is_certain
from simclr.data.labels.numbers import of_names
from simclr.data.shards.record_source import short_names
from simclr.data.source import Source, printable
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar
from simclr.storage import cache, files, json_text

_VERSION = 2
# How a file begins that is compressed as a whole.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class TarSource(Source):
    """The images in tar files.

    An id is the path within its file, after the name of that where a path is
    in several. Labels are those of WebDataset (webdataset.py), else the
    sub-folders' names.

    Args:
        pattern: glob, a file, or a folder; local or remote.
        name: the words of the user.

    Raises:
        InputError, OSError: nothing matches, or a file is no tar file, is
            compressed or cut off, or none holds an image.
    """

    def __init__(self, pattern, name):
        super().__init__(name)
        self._paths = members.files_of(pattern, name, ".tar")
        rows = [
            (number, *row)
            for number, path in enumerate(
                progress_bar(
                    self._paths,
                    desc="Indexing",
                    unit="file",
                    delay=2,
                    leave=False,
                )
            )
            for row in _index(path)
        ]
        names = [row[1] for row in rows]
        labels = [row[4] for row in rows]
        found = members.sort(names, {i for i, row in enumerate(rows) if row[5]})
        labelled = any(labels)
        if labelled:
            found = webdataset.samples(found, names)
            members.require_images(found, name)
            taken = found.images
            self.notes += left_out.notes(found)
        else:
            taken = members.take(self, found, names, name)
            if "cls" in found.others:
                self.notes.append(
                    "no .cls is of an image: it is called as its image is, but "
                    "for all that follows the first dot"
                )
        self._members = [rows[i] for i in taken]
        if labelled:
            self._label([labels[i] for i in taken])
        self._unique = len({row[1] for row in self._members}) == len(taken)
        self._names = short_names(self._paths)
        self._changed_us = [files.stat(p)[1] // 1000 for p in self._paths]

    def __len__(self):
        return len(self._members)

    def id(self, index):
        number, name, *_ = self._members[index]
        name = name if self._unique else f"{self._names[number]}/{name}"
        return printable(name)

    def read(self, index):
        number, _, offset, size, *_ = self._members[index]
        if size > files.MAX_BYTES:
            raise InputError("larger than 1 GiB")
        with files.opened(self._paths[number]) as read:
            data = read(offset, size)
        if len(data) < size:
            raise OSError(f"{self._paths[number]} is cut off")
        return data

    def stamp(self, index):
        number, _, _, size, *_ = self._members[index]
        return size, self._changed_us[number]

    def _label(self, texts):
        self.labels, self.class_names = of_names(texts)
        without = int(np.sum(self.labels < 0))
        if without:
            self.notes.append(f"{counted(without, 'sample')} without a label")


def _index(path):
    """The members of a file.

    Returns:
        list of [name, offset, size, label as text or "", whether it is an image
        whose name does not say so]. Of several members of one name the last
        counts, as for who unpacks them.
    """
    size, changed_ns = files.stat(path)
    known = sorted(extensions())
    kept = cache.path_for("tar", _VERSION, known, path, size, changed_ns)
    try:
        return json_text.parse(zlib.decompress(cache.read(kept) or b""))
    except (zlib.error, ValueError):
        rows = _walk(path, size)
        cache.write(kept, zlib.compress(json.dumps(rows).encode()))
        return rows


def _walk(path, size):
    with files.opened(path) as read:
        head = read(0, 512)
        if head.startswith(_COMPRESSED):
            raise InputError(
                f"{path} is compressed as a whole, and is read at random: "
                "unpack it to a plain tar file, gunzip or the like, first."
            )
        try:
            with tarfile.open(fileobj=Seekable(read, size), mode="r:") as tar:
                last = {
                    member.name: (member.offset_data, member.size)
                    for member in tar
                    if member.isreg()
                }
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{path} is no whole tar file: {error}") from None
        found = [[name, *place] for name, place in last.items()]
        if any(offset + count > size for _, offset, count in found):
            raise InputError(f"{path} is cut off. Copy the file again.")
        labels = webdataset.labels(found, read)
        looked_into = [
            members.may_be_image(name) and is_certain(read(offset, HEAD_BYTES))
            for name, offset, _ in found
        ]
    return [
        [*row, label, inside]
        for row, label, inside in zip(found, labels, looked_into)
    ]
