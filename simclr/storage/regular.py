"""Only regular files are read: a named pipe or a device need never end."""

import errno
import os
import stat

# What lies under a file's name and is none, in words.
_OTHERS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def regular(path, flags):
    """Opens a regular file, at once: the `opener` of Python's open().

    Args:
        path: of the file; a link counts as what it leads to.
        flags: of os.open.

    Returns:
        descriptor.

    Raises:
        OSError: it is no regular file, or cannot be opened.
    """
    # A pipe that nobody writes to would otherwise be waited for.
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    words = next((words for is_it, words in _OTHERS if is_it(mode)), "special")
    raise OSError(errno.ENXIO, f"{words}, no regular file", path)


def read(path, most):
    """All bytes of a regular file of at most `most` bytes.

    Raises:
        OSError: as for `regular`, or it is larger.
    """
    with open(path, "rb", opener=regular) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"larger than {_words(most)}", path)
        # None: of /proc, where there is nothing to read yet.
        return file.read() or b""


def _words(num_bytes):
    return f"{num_bytes >> 30} GiB" if num_bytes >> 30 else f"{num_bytes:,} B"
