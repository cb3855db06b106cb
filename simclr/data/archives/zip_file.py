"""Images in a ZIP file, read at random without unpacking it."""

import struct
import zipfile
import zlib

from simclr.data.archives import members
from simclr.data.archives.seekable import Seekable
from simclr.data.source import Source
from simclr.messages.errors import InputError
from simclr.storage import files

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # Sign, lengths of name and extra.
_ENCRYPTED = 1


class ZipSource(Source):
    """The images in a ZIP file; an id is the path within it.

    Args:
        path: of the file, local or remote.
        name: the words of the user.

    Raises:
        InputError, OSError: no ZIP file, encrypted, or without an image.
    """

    def __init__(self, path, name):
        super().__init__(name)
        self._path = files.absolute(path)
        try:
            with files.opened(self._path) as read:
                size, changed_ns = files.stat(self._path)
                directory = zipfile.ZipFile(Seekable(read, size)).infolist()
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InputError(f"{name} is no whole ZIP file: {error}") from None
        entries = [entry for entry in directory if not entry.is_dir()]
        names = [entry.filename for entry in entries]
        found = members.sort(names)
        self._entries = [
            entries[i] for i in members.take(self, found, names, name)
        ]
        self._changed_us = changed_ns // 1000
        if any(entry.flag_bits & _ENCRYPTED for entry in self._entries):
            raise InputError(f"{name} is encrypted: unpack it first.")
        methods = {entry.compress_type for entry in self._entries}
        odd = methods - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if odd:
            raise InputError(
                f"{name} is compressed by method {min(odd)}, and is read where "
                "it is stored or deflated: pack it again."
            )

    def __len__(self):
        return len(self._entries)

    def id(self, index):
        return self._entries[index].filename

    def read(self, index):
        entry = self._entries[index]
        if max(entry.file_size, entry.compress_size) > files.MAX_BYTES:
            raise InputError("larger than 1 GiB")
        with files.opened(self._path) as read:
            head = read(entry.header_offset, _LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size:
                raise OSError("cut off in the ZIP file")
            sign, name, extra = _LOCAL_HEADER.unpack(head)
            if sign != b"PK\3\4":
                raise OSError("damaged in the ZIP file")
            start = entry.header_offset + len(head) + name + extra
            data = read(start, entry.compress_size)
        if entry.compress_type == zipfile.ZIP_DEFLATED:
            try:
                unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
                # Not more than the directory says, whatever the data say.
                data = unpacker.decompress(data, entry.file_size + 1)
            except zlib.error:
                raise OSError("damaged in the ZIP file") from None
        if zlib.crc32(data) != entry.CRC:
            raise OSError("damaged in the ZIP file")
        return data

    def stamp(self, index):
        return self._entries[index].file_size, self._changed_us
