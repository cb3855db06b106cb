"""TFRecord files, read at random.

A record is its length (uint64), a masked CRC-32C of the length, the data, and
one of the data (tensorflow/core/lib/io/record_writer.h). One walk over the
lengths finds all records; labels and ids are picked out on the way, images
are jumped over. The data's CRC is looked at when a process first reads a
record: an image of 500 x 375 pixels takes a sixth longer then, and later
epochs take no longer (docs/design.md).
"""

import struct

import numpy as np

from simclr.data.shards import crc32c
from simclr.messages.errors import InputError
from simclr.storage import files

HEADER, _FOOTER = 12, 4
# What one read of the walk takes: all of a small record; of a large one, the
# features before the image.
_WINDOW = 4096


def is_header(head):
    """Whether bytes are a record's length and its checksum."""
    _, check = struct.unpack("<QI", head)
    return check == crc32c.masked(head[:8])


class TFRecordShard:
    """One file.

    Args:
        path: local or remote.
        offsets: int64 [num], where the data of each record starts.
        sizes: int64 [num], bytes of data.
    """

    def __init__(self, path, offsets, sizes):
        self._path = path
        self._offsets = offsets
        self._sizes = sizes
        self._checked = np.zeros([len(sizes)], bool)

    def read(self, index):
        """The data of a record.

        Raises:
            OSError: the file cannot be read, or is shorter than it was.
            InputError: the record is damaged.
        """
        size = int(self._sizes[index])
        with files.opened(self._path) as read:
            data = read(int(self._offsets[index]), size + _FOOTER)
        if len(data) < size + _FOOTER:
            raise OSError(f"{self._path} is cut off")
        data, check = data[:size], data[size:]
        if not self._checked[index]:
            if int.from_bytes(check, "little") != crc32c.masked(data):
                raise InputError("damaged: its record's checksum differs")
            self._checked[index] = True
        return data


def places(sizes):
    """Where records one after another lie.

    Args:
        sizes: int64 [num], bytes of data.

    Returns:
        offsets: int64 [num], where the data of each starts.
        end: int, the size of the file.
    """
    ends = np.cumsum(np.asarray(sizes, np.int64) + HEADER + _FOOTER)
    starts = ends - _FOOTER - sizes
    return starts, int(ends[-1]) if len(ends) else 0


def walk(path):
    """Finds the records of a file.

    Yields:
        (offset, size, buffer) of each record's data; buffer[0:size] reads it,
        in parts.

    Raises:
        InputError: not a TFRecord file, or cut off; the message names it.
        OSError: it cannot be read.
    """
    end, _ = files.stat(path)
    with files.opened(path) as read:
        window = _Window(read, end)
        position = 0
        while position < end:
            head = window.read(position, HEADER)
            if len(head) < HEADER:
                raise _cut_off(path, position, end)
            size, check = struct.unpack("<QI", head)
            if check != crc32c.masked(head[:8]):
                raise InputError(_not_records(path, position, head))
            start = position + HEADER
            position = start + size + _FOOTER
            if position > end:
                raise _cut_off(path, position, end)
            yield start, size, _Record(window, start)


class _Window:
    """Small reads of a file through one larger one."""

    def __init__(self, read, end):
        self._read = read
        self._end = end
        self._start = 0
        self._data = b""

    def read(self, start, size):
        first = start - self._start
        if first < 0 or first + size > len(self._data):
            self._start, first = start, 0
            self._data = self._read(
                start, min(max(size, _WINDOW), self._end - start)
            )
        return self._data[first : first + size]


class _Record:
    """A record as a buffer for simclr.data.shards.example."""

    def __init__(self, window, start):
        self._window = window
        self._start = start

    def __getitem__(self, part):
        return self._window.read(
            self._start + part.start, part.stop - part.start
        )


def _cut_off(path, position, end):
    return InputError(
        f"{path} is cut off: a record reaches to byte {position:,} of "
        f"{end:,}. Copy the file again."
    )


def _not_records(path, position, head):
    if position:
        return f"{path} is damaged at byte {position:,}. Copy the file again."
    if head.startswith(b"\x1f\x8b"):
        return f"{path} is compressed as a whole (gzip): unpack it first."
    return f"{path} is not a TFRecord file."
