"""Images in a ZIP file, read at random without unpacking it."""

import contextlib
import json
import struct
import zipfile
import zlib

from simclr.data.archives import members
from simclr.data.archives.seekable import Seekable
from simclr.data.images.formats import HEAD_BYTES, extensions, is_certain
from simclr.data.source import Source, printable
from simclr.messages.errors import InputError
from simclr.storage import cache, files, json_text

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # Sign, lengths of name and extra.
_ENCRYPTED, _UTF_8 = 1, 1 << 11  # Of a member's flags.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENOUGH = 1024  # Deflated bytes for the first few of any image.


class ZipSource(Source):
    """The images in a ZIP file; an id is the path within it.

    Args:
        path: of the file, local or remote; or a pattern, or a folder, that
            means one file.
        name: the words of the user.

    Raises:
        InputError, OSError: no ZIP file, encrypted, or without an image.
    """

    def __init__(self, path, name):
        super().__init__(name)
        self._path, *others = members.files_of(path, name, ".zip")
        if others:
            raise InputError(
                f"{name} is {len(others) + 1} ZIP files, and one at a time is "
                f"read: say zip:{self._path}, or another of them."
            )
        try:
            with files.opened(self._path) as read:
                size, changed_ns = files.stat(self._path)
                directory = zipfile.ZipFile(Seekable(read, size)).infolist()
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InputError(f"{name} is no whole ZIP file: {error}") from None
        # Of several of one name the last counts, as for who unpacks them.
        last = {_path_of(entry): entry for entry in directory}
        names = [path for path in last if not path.endswith("/")]
        entries = [last[path] for path in names]
        odd = [i for i, path in enumerate(names) if members.may_be_image(path)]
        inside = self._looked_into(odd, entries, changed_ns)
        taken = members.take(self, members.sort(names, inside), names, name)
        self._names = [names[i] for i in taken]
        self._entries = [entries[i] for i in taken]
        self._changed_us = changed_ns // 1000
        if any(entry.flag_bits & _ENCRYPTED for entry in self._entries):
            raise InputError(f"{name} is encrypted: unpack it first.")
        methods = {entry.compress_type for entry in self._entries}
        odd = methods - _METHODS
        if odd:
            raise InputError(
                f"{name} is compressed by method {min(odd)}, and is read where "
                "it is stored or deflated: pack it again."
            )

    def __len__(self):
        return len(self._entries)

    def id(self, index):
        return printable(self._names[index])

    def read(self, index):
        entry = self._entries[index]
        if max(entry.file_size, entry.compress_size) > files.MAX_BYTES:
            raise InputError("larger than 1 GiB")
        # Not more than the directory says, whatever the data say.
        most = entry.file_size + 1
        data = self._unpacked(entry, entry.compress_size, most)
        if zlib.crc32(data) != entry.CRC:
            raise OSError("damaged in the ZIP file")
        return data

    def _unpacked(self, entry, size, most):
        """What the first `size` bytes of a member hold, at most `most`."""
        with files.opened(self._path) as read:
            head = read(entry.header_offset, _LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size:
                raise OSError("cut off in the ZIP file")
            sign, name, extra = _LOCAL_HEADER.unpack(head)
            if sign != b"PK\3\4":
                raise OSError("damaged in the ZIP file")
            start = entry.header_offset + len(head) + name + extra
            data = read(start, size)
        if entry.compress_type == zipfile.ZIP_STORED:
            return data[:most]
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most)
        except zlib.error:
            raise OSError("damaged in the ZIP file") from None

    def _looked_into(self, odd, entries, changed_ns):
        """The members that are images by their bytes alone, kept in the cache.

        Args:
            odd: list of int, numbers of the members to look into.
            entries: list of ZipInfo.
            changed_ns: the file's time of change.

        Returns:
            set of int, some of `odd`.
        """
        if not odd:
            return set()
        known = sorted(extensions())
        kept = cache.path_for("zip.json", known, self._path, changed_ns)
        with contextlib.suppress(ValueError, TypeError):
            return set(json_text.parse(cache.read(kept) or b""))
        found = [i for i in odd if self._is_image(entries[i])]
        cache.write(kept, json.dumps(found).encode())
        return set(found)

    def _is_image(self, entry):
        if entry.compress_type not in _METHODS:
            return False
        try:
            size = min(entry.compress_size, _ENOUGH)
            return is_certain(self._unpacked(entry, size, HEAD_BYTES))
        except OSError:
            return False

    def stamp(self, index):
        return self._entries[index].file_size, self._changed_us


def _path_of(entry):
    """A member's path. Many programs write UTF-8 without saying so, and old
    ones of Windows a backslash."""
    name = entry.filename
    if not entry.flag_bits & _UTF_8:
        with contextlib.suppress(ValueError):  # What it says it is.
            name = name.encode("cp437").decode()
    return name if "/" in name else name.replace("\\", "/")
