"""Files, local or remote (gs://...), behind four functions.

Local files need no TensorFlow. Remote ones go through tf.io.gfile and are read
in whole chunks, kept for a while: there a random read costs a round trip, and
the order of examples walks through neighbours (simclr/data/order.py).
"""

import collections
import concurrent.futures
import contextlib
import glob
import os
import threading

from simclr.messages.extras import install
from simclr.storage.regular import regular

# One request to an object store: large against its latency (tens of ms at
# some 100 MB/s), small against a shard.
CHUNK_BYTES = 8 << 20
# No image is that large; one that is would fill the memory.
MAX_BYTES = 1 << 30
# 2 GiB in all. The order's window of 64 blocks, each on two chunks, fits.
_KEPT_CHUNKS = 256
# What `stat` found last of each remote file: another version of a file, which
# whoever opens it looks at first, does not get the chunks of the one before.
_VERSIONS = {}


def is_remote(path):
    """Whether a path is an address (gs://bucket/x), not a local file."""
    return "://" in path


def expand(path):
    """A local path with `~` expanded; a remote one as it is."""
    return path if is_remote(path) else os.path.expanduser(path)


def absolute(path):
    """A path that means the same in whatever folder the process will be."""
    return path if is_remote(path) else os.path.abspath(expand(path))


def glob_files(pattern):
    """Sorted paths that match a pattern; what exists is taken as it is.

    Raises:
        OSError: the remote store does not answer.
    """
    if not is_remote(pattern):
        found = glob.glob(_with_folders_escaped(pattern))
        return sorted(filter(os.path.isfile, found))
    with _remote_errors(pattern):
        return sorted(_tensorflow().io.gfile.glob(pattern))


def _with_folders_escaped(pattern):
    """The pattern, where what exists of it is no pattern: "out [v1]/*"."""
    start, rest = pattern, ""
    while start and not os.path.exists(start):
        start, last = os.path.split(start)
        rest = os.path.join(last, rest) if rest else last
    start = glob.escape(start)
    return os.path.join(start, rest) if rest else start


def list_folder(path):
    """Sorted names in a folder; empty where there is no such folder.

    Raises:
        OSError: the folder cannot be read.
    """
    if not is_remote(path):
        return sorted(os.listdir(path)) if os.path.isdir(path) else []
    with _remote_errors(path):
        gfile = _tensorflow().io.gfile
        names = gfile.listdir(path) if gfile.isdir(path) else []
        return sorted(name.rstrip("/") for name in names)


def stat(path):
    """(size in bytes, time of change in ns) of a file.

    Raises:
        OSError: no such file.
    """
    if not is_remote(path):
        status = os.stat(path)
        # Not st_mtime_ns, which a copy in a file's place may have from another.
        return status.st_size, status.st_ctime_ns
    with _remote_errors(path):
        status = _tensorflow().io.gfile.stat(path)
        _VERSIONS[path] = status.length, status.mtime_nsec
        return _VERSIONS[path]


def read_file(path):
    """All bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    if not is_remote(path):
        with open(path, "rb", opener=regular) as file:
            return file.read()
    with _remote_errors(path), _tensorflow().io.gfile.GFile(path, "rb") as file:
        return file.read()


@contextlib.contextmanager
def opened(path):
    """Yields read(offset, size) -> bytes of a file; fewer at its end.

    Local files are opened each time (5 us): thousands of shards would
    otherwise need thousands of file handles.
    """
    if is_remote(path):
        yield lambda offset, size: _read_chunked(path, offset, size)
        return
    handle = regular(path, os.O_RDONLY)
    try:
        yield lambda offset, size: os.pread(handle, size, offset)
    finally:
        os.close(handle)


def _read_chunked(path, offset, size):
    first, last = offset // CHUNK_BYTES, (offset + size - 1) // CHUNK_BYTES
    data = b"".join(_CHUNKS.get(path, i) for i in range(first, last + 1))
    start = offset - first * CHUNK_BYTES
    return data[start : start + size]


class Chunks:
    """The parts of files read last; threads that want one of them wait for it.

    Args:
        fetch: function of a path and a part's number to what is kept of it.
        kept: int, how many.
    """

    def __init__(self, fetch, kept):
        self._fetch = fetch
        self._kept = kept
        self._futures = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, path, index):
        key = path, _VERSIONS.get(path), index
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if mine:
                future = concurrent.futures.Future()
                self._futures[key] = future
                while len(self._futures) > self._kept:
                    self._futures.popitem(last=False)
            else:
                self._futures.move_to_end(key)
        if mine:
            try:
                future.set_result(self._fetch(path, index))
            except BaseException as error:
                with self._lock:  # The next one tries again.
                    if self._futures.get(key) is future:
                        del self._futures[key]
                future.set_exception(error)
        return future.result()


def _fetch_chunk(path, index):
    with _remote_errors(path), _tensorflow().io.gfile.GFile(path, "rb") as file:
        file.seek(index * CHUNK_BYTES)
        return file.read(CHUNK_BYTES)


_CHUNKS = Chunks(_fetch_chunk, _KEPT_CHUNKS)


def _tensorflow():
    try:
        import tensorflow
    except ImportError:
        raise OSError(
            f"remote paths need TensorFlow: {install('cpu')}, or [gpu] or [tpu]"
        ) from None
    return tensorflow


@contextlib.contextmanager
def _remote_errors(path):
    """TensorFlow's errors as OSError of one line."""
    tf = _tensorflow()
    try:
        yield
    except tf.errors.UnimplementedError:
        scheme = path.split("://")[0]
        hint = (
            " (pip install tensorflow-io-gcs-filesystem)"
            if scheme == "gs"
            else ""
        )
        raise OSError(
            f"{path}: TensorFlow cannot read {scheme}:// here{hint}"
        ) from None
    except tf.errors.NotFoundError:
        raise FileNotFoundError(f"{path} does not exist") from None
    except tf.errors.OpError as error:
        line = error.message.splitlines()[0][:200]
        raise OSError(f"{path} cannot be read: {line}") from None
