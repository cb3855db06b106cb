"""ArrayRecord files, read at random (github.com/google/array_record).

The library reads local files only. A remote file is copied to the cache once:
its shards are read whole in every epoch anyway.
"""

import functools
import os
import shutil

from simclr.messages.errors import InputError, first_line
from simclr.storage import cache, files
from simclr.storage.whole import write_whole

# Options of the library for reading one record here and one there.
_AT_RANDOM = "readahead_buffer_size:0,max_parallelism:0"
_BUFFER_BYTES = 32768
_MAX_OPEN = 256  # Each open reader holds a file handle.
_BATCH = 256  # Records per read of a walk.


class ArrayRecordShard:
    """One file.

    Args:
        path: local or remote.
    """

    def __init__(self, path):
        self._path = path

    @functools.cached_property
    def _version(self):
        return files.stat(self._path)

    def read(self, index):
        """The data of a record.

        Raises:
            OSError: the file cannot be read or is damaged there.
        """
        reader = _reader(self._path, self._version)
        return _read(self._path, reader, [index])[0]


def count(path):
    """How many records a local file has.

    Raises:
        InputError, OSError: as for `walk`.
    """
    return _reader(path, files.stat(path)).num_records()


def walk(path):
    """Yields the data of every record, bytes.

    Raises:
        InputError: not an ArrayRecord file, or cut off; names the file.
        OSError: it cannot be read.
    """
    reader = _reader(path, files.stat(path))
    count = reader.num_records()
    for start in range(0, count, _BATCH):
        yield from _read(path, reader, range(start, min(start + _BATCH, count)))


def writer(path):
    """An ArrayRecordWriter of local `path`: write(bytes), close().

    Groups of one record, so that reading one record reads no other;
    uncompressed, for images are compressed already.
    """
    # As bytes: the library takes no str of what is not UTF-8.
    path = os.fsencode(path)
    return _module().ArrayRecordWriter(path, "group_size:1,uncompressed")


# A reader that falls out of the cache lives on while a thread reads from it.
@functools.lru_cache(_MAX_OPEN)
def _reader(path, version):
    """The reader of a file, which another file of that name does not get."""
    local = _copy_to_cache(path, *version) if files.is_remote(path) else path
    files.stat(local)  # The library gives 0 records for no file at all.
    reader = _module().ArrayRecordReader(
        os.fsencode(local),
        _AT_RANDOM,
        file_reader_buffer_size=_BUFFER_BYTES,
    )
    if not reader.ok():
        raise InputError(
            f"{path} is no whole ArrayRecord file: another format, or cut "
            "off. Copy or pack it again."
        )
    return reader


def _read(path, reader, indices):
    try:
        return reader.read(list(map(int, indices)))
    except (RuntimeError, IndexError) as error:
        line = first_line(error)[:120]
        raise OSError(f"{path} is damaged: {line}") from None


def _copy_to_cache(path, size, changed_ns):
    local = cache.path_for("arrayrecord", path, size, changed_ns)
    if os.path.exists(local):
        return local
    os.makedirs(os.path.dirname(local), exist_ok=True)
    free = shutil.disk_usage(os.path.dirname(local)).free
    if free < size + (1 << 30):
        raise OSError(
            f"{path} must be copied to {os.path.dirname(local)}, which has "
            f"{free / 1e9:.1f} GB left. Set XDG_CACHE_HOME to a larger disk, "
            "or pack the images as TFRecord, which is read from where it is."
        )
    write_whole(local, files.read_file(path))
    return local


def _module():
    try:
        from array_record.python import array_record_module
    except ImportError:
        raise OSError(
            "ArrayRecord files need array_record: pip install array_record"
        ) from None
    return array_record_module
