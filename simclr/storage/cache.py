"""Small files that save a second look: manifests and indexes, never needed.

They lie in $XDG_CACHE_HOME/simclr (~/.cache/simclr). Deleting them costs time
only; a cache that cannot be written or read is a cache that is not there. So is
that of a user without a home: in a place for all, others could write into it.
"""

import contextlib
import hashlib
import os

from simclr.storage.regular import regular
from simclr.storage.whole import write_whole


def path_for(kind, *key):
    """Where the cache file of `key` lies.

    Args:
        kind: str, ends the file's name: what is cached, and its format.
        *key: whatever tells two cached things apart.
    """
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if root.startswith("~"):
        root = os.path.join(os.devnull, "no XDG_CACHE_HOME and no home")
    digest = hashlib.sha256(repr(key).encode("utf-8", "backslashreplace"))
    return os.path.join(root, "simclr", f"{digest.hexdigest()[:32]}.{kind}")


def read(path):
    """The bytes cached at `path`, or None."""
    try:
        with open(path, "rb", opener=regular) as file:
            return file.read()
    except OSError:
        return None


def write(path, data):
    """Caches bytes at `path` where that is possible."""
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, data)
