"""Files and folders that are there whole or not at all: aside, then renamed.

What a killed process was writing stays beside its place under a name that
begins with a dot, which nothing here reads. Whoever writes that file next
removes it. A file that is still being written is locked, and stays.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import uuid

from simclr.storage.regular import regular

_WRITING = ".writing-"  # Begins the name of a file that is not whole yet.
# What the system says where a disk takes no more.
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def unfinished_path(path):
    """A new name beside `path`, for a file that is not whole yet."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, f"{_WRITING}{uuid.uuid4().hex[:12]}-{name}")


def finish(unfinished, path):
    """Gives a written file its name, once it is on the disk."""
    with open(unfinished, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def finish_any(unfinished, path):
    """Gives a written file or folder its name; what has the name now goes.

    Args:
        unfinished: file or folder on the disk of `path`.
        path: file or folder to make or replace. Where a folder comes or
            goes, a crash may leave nothing there, never a half.
    """
    if os.path.isdir(unfinished) or os.path.isdir(path):
        remove_any(path)
    if not os.path.isdir(unfinished):
        return finish(unfinished, path)
    for folder, _, names in os.walk(unfinished):
        for name in names:
            with open(os.path.join(folder, name), "rb+") as file:
                os.fsync(file.fileno())
    os.replace(unfinished, path)


def remove_any(path):
    """Removes a file or a folder, where there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


@contextlib.contextmanager
def whole_path(path):
    """A path to write to; what lies there takes the name `path` at the end.

    A crash leaves what was at `path` as it was. An error removes the rest.

    Args:
        path: local file to make or replace.

    Yields:
        Path of an empty file in the same folder.

    Raises:
        OSError: it cannot be written.
    """
    _require_replaceable(path)
    _remove_left_over(path)
    unfinished = unfinished_path(path)
    with naming(path, instead_of=unfinished), _created(unfinished):
        try:
            yield unfinished
            finish(unfinished, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise


def _require_replaceable(path):
    """A device, a pipe or a folder would not be what it was."""
    replaceable = os.path.isfile(path) or os.path.islink(path)
    if os.path.lexists(path) and not replaceable:
        os.close(regular(path, os.O_RDONLY))  # It says what it is.


@contextlib.contextmanager
def naming(path, instead_of=None):
    """Errors of the system inside, such as a full disk's, name the file.

    Args:
        path: of the file that is written.
        instead_of: the name that it is written under until it is whole.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, instead_of):
            error.filename = path
        raise


def disk_fault(text, path):
    """What the system said of a disk, in the words of a library's error.

    Args:
        text: str, the library's message.
        path: of the file that was being written.

    Returns:
        OSError that names the file; None where the text tells of no disk.
    """
    for number in _OF_DISKS:
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number), path)
    return None


@contextlib.contextmanager
def scratch_folder(path):
    """A folder beside `path` for what is not whole yet; it goes at the end.

    Args:
        path: local file or folder that will be made of it (`finish_any`).

    Yields:
        Path of an empty folder, which may be renamed.

    Raises:
        OSError: it cannot be made.
    """
    _remove_left_over(path)
    unfinished = unfinished_path(path)
    with naming(path, instead_of=unfinished):
        os.mkdir(unfinished)
    lock = os.open(unfinished, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield unfinished
    finally:
        os.close(lock)
        remove_any(unfinished)


@contextlib.contextmanager
def whole_file(path, mode="w", **options):
    """An open file that takes the name `path` when it is closed.

    Args:
        path: as in `whole_path`.
        mode, **options: as for `open`; a text is UTF-8.

    Yields:
        file object.
    """
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    with whole_path(path) as unfinished, open(unfinished, mode, **options) as f:
        yield f


def write_whole(path, content):
    """Writes a text or bytes as a whole file."""
    with whole_file(path, "w" if isinstance(content, str) else "wb") as file:
        file.write(content)


def remove_unfinished(folder):
    """Removes what processes that were killed left in a folder of one's own."""
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if name.startswith(_WRITING):
            remove_any(os.path.join(folder, name))


def _remove_left_over(path):
    """Removes what killed processes left of one file."""
    folder, name = os.path.split(os.path.abspath(path))
    ours = re.compile(rf"{re.escape(_WRITING)}[0-9a-f]+-{re.escape(name)}")
    with contextlib.suppress(OSError):
        for other in os.listdir(folder):
            if ours.fullmatch(other):
                other = os.path.join(folder, other)
                # Another's lock is an error, and so is a disk without locks.
                with contextlib.suppress(OSError), _opened(other) as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_any(other)


@contextlib.contextmanager
def _opened(path):
    """A descriptor of a file, or of a folder, which opens for reading only."""
    how = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR
    descriptor = os.open(path, how)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _created(path):
    """A new file, locked until it is closed."""
    while True:
        file = open(path, "xb")  # noqa: SIM115  Whoever called closes it.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(path):
            return file
        file.close()  # Before the lock was there it looked left over.
