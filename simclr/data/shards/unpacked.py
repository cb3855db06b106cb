"""TFRecord files that are compressed as a whole, as copies that are not.

A record in the middle of a gzip file cannot be reached without all before it.
"""

import os
import shutil
import zlib

from simclr.data.shards import tfrecord
from simclr.messages.errors import InputError
from simclr.storage import cache, files
from simclr.storage.whole import whole_path

_EITHER = 32 + zlib.MAX_WBITS  # gzip's header or zlib's.
_SPARE_BYTES = 1 << 30


def is_compressed(path):
    """Whether a file begins as gzip's or zlib's, and not with a record."""
    with files.opened(path) as read:
        head = read(0, tfrecord.HEADER)
    if len(head) < tfrecord.HEADER or tfrecord.is_header(head):
        return False
    # RFC 1950: the method, and the first two bytes as a multiple of 31.
    zlibs = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return head.startswith(b"\x1f\x8b") or zlibs


def unpacked(path):
    """The path of an unpacked copy in the cache, made where there is none.

    Args:
        path: compressed file, local or remote.

    Raises:
        InputError: it is damaged or cut off.
        OSError: there is no room for it.
    """
    size, changed_ns = files.stat(path)
    copy = cache.path_for("tfrecord", path, size, changed_ns)
    if os.path.exists(copy):
        return copy
    folder = os.path.dirname(copy)
    os.makedirs(folder, exist_ok=True)
    with whole_path(copy) as unfinished, open(unfinished, "wb") as file:
        for data in _parts(path, size):
            if shutil.disk_usage(folder).free < _SPARE_BYTES:
                raise OSError(
                    f"{path} is unpacked to {folder}, which has no room left. "
                    "Set XDG_CACHE_HOME to a larger disk."
                )
            file.write(data)
    return copy


def _parts(path, size):
    """The data of all the streams that a file holds, in parts."""
    unpacker, place = zlib.decompressobj(_EITHER), 0
    try:
        with files.opened(path) as read:
            while place < size:
                data = read(place, files.CHUNK_BYTES)
                place += len(data)
                while data:
                    yield unpacker.decompress(data, files.CHUNK_BYTES)
                    data = unpacker.unconsumed_tail
                    if unpacker.eof and unpacker.unused_data:
                        data = unpacker.unused_data
                        unpacker = zlib.decompressobj(_EITHER)
    except zlib.error as error:
        raise InputError(f"{path} is damaged: {error}") from None
    if not unpacker.eof:
        raise InputError(f"{path} is cut off. Copy the file again.")
