"""Files that a user names and a command writes: nothing else is lost."""

import os

from simclr.messages.errors import InputError
from simclr.storage.regular import regular

# What the files begin with that are written here; Matplotlib, which draws all
# our pictures, says so in the first bytes of a PNG.
PNG = (b"\x89PNG", b"Matplotlib version")
PARQUET = (b"PAR1",)
NUMPY = (b"\x93NUMPY",)
_BEGINNING = 1024  # Bytes.


def require_ours(out, marks, kind, flag="out"):
    """Stops before a file that a command did not write is written over.

    Args:
        out: path of the file to write.
        marks: list of bytes or str. A file of this kind begins with the first,
            and has the others in its first kilobyte.
        kind: str, what such a file is called.
        flag: name of the argument that `out` is of.

    Raises:
        InputError: there is no such folder, or another file, or something that
            is no file.
    """
    folder = os.path.dirname(os.path.abspath(out))
    if not os.path.isdir(folder):
        raise InputError(f"--{flag}={out}: there is no folder {folder}.")
    if os.path.lexists(out) and not _has(out, marks):
        raise InputError(
            f"--{flag}={out} exists and is no {kind}; choose another name."
        )


def _has(path, marks):
    """Whether a file has the marks; what cannot be read has none."""
    first, *others = (
        mark.encode() if isinstance(mark, str) else mark for mark in marks
    )
    try:
        with open(path, "rb", opener=regular) as file:
            beginning = file.read(_BEGINNING) or b""
    except OSError:
        return False
    return beginning.startswith(first) and all(x in beginning for x in others)
