"""Lance's tables, whose damage is told in the user's words.

Lance reads lazily: a table whose files are damaged opens, and fails at a count,
in the middle of a scan, or where it is written over. Its errors are of many
kinds and name lines of Rust, seldom the table. So all tables are opened and
written here, and what is opened gives nothing away that is not watched.
"""

import contextlib
import errno
import os
import re
import types

import lance
import pyarrow as pa

from simclr.messages.errors import InputError
from simclr.storage import files

_NOT_THERE = "was not found"  # Lance, of a folder without a table.
_SYSTEM = re.compile(r"\(os error (\d+)\)")
# Where in Rust: ", /rustc/48a2/library/core/src/ops/function.rs:250:5".
_SOURCE = re.compile(r",? /\S+\.rs:\d+(:\d+)?")
_LAYERS = re.compile(
    r"^(External error|LanceError\(\w+\)|Generic \S+ error|Execution error|"
    r"Invalid user input): "
)
# No damage: two that write at once, memory that is full.
_OTHERS = re.compile(r"onflict|Resources exhausted|Incompatible")
# A bucket that does not answer.
_REMOTE = re.compile(r"Generic (?!LocalFileSystem|memory)\w+ error")
# What makes a table anew, by how its name begins.
_MAKERS = {
    "clusters": "cluster",
    "duplicates": "dedup",
    "map": "page",
    "unreadable": "embed",
}
_KINDS = (OSError, RuntimeError, ValueError)  # pa.ArrowInvalid is the last.


def find_table(uri):
    """A table at its newest version, as `open_table`; None: there is none.

    Raises:
        InputError, OSError: as `watched`.
    """
    with watched(uri):
        try:
            return _Watched(lance.dataset(uri), uri)
        except ValueError as error:
            if _NOT_THERE in str(error):
                return None
            raise


def open_table(uri):
    """A table at its newest version.

    Args:
        uri: str, its folder, local or remote.

    Returns:
        lance.LanceDataset, in effect: its errors, and those of what it gives,
        are as `watched` tells them.

    Raises:
        InputError, OSError: as `watched`; or there is no table.
    """
    with watched(uri):
        return _Watched(lance.dataset(uri), uri)


def write_table(rows, uri, **options):
    """lance.write_dataset.

    Args:
        rows: pa.Table or pa.RecordBatchReader.
        uri: str.
        **options: as for lance.write_dataset.

    Returns:
        As `open_table`.

    Raises:
        InputError, OSError: as `watched`.
    """
    with watched(uri):
        return _Watched(lance.write_dataset(rows, uri, **options), uri)


@contextlib.contextmanager
def watched(uri):
    """Tells Lance's errors inside in our words.

    Args:
        uri: str, of the table that they are of.

    Raises:
        InputError: the table is damaged, or its bucket does not answer.
        OSError: the system's, such as a full disk's; it names the table.
    """
    try:
        yield
    except BaseException as error:  # A panic in Rust is no Exception.
        told = _told(error, uri)
        if told is None:
            raise
        raise told from None


def _told(error, uri):
    """The error in our words; None: it stays as it is."""
    text = str(error)
    panic = type(error).__name__ == "PanicException"
    if not panic and not _is_lances(error, text):
        return None
    if found := _SYSTEM.search(text):
        number = int(found[1])
        if number != errno.ENOENT:  # A file that is missing is damage.
            return OSError(number, os.strerror(number), uri)
    if _OTHERS.search(text):
        return None
    folder, _, name = uri.rpartition("/")
    # Lance leaves a path's first slash out.
    reason = _reason(text).replace(f"{folder.lstrip('/')}/", "")
    if files.is_remote(uri) and _REMOTE.search(text):
        return InputError(f"{uri} cannot be read: {reason}.")
    for begins, command in _MAKERS.items():
        if name.startswith(begins):
            return InputError(
                f"{uri} is damaged: {reason}; move it away, and say `simclr "
                f"{command}` again."
            )
    return InputError(
        f"{folder} is damaged: {reason}; move it away, and embed its images "
        "again with `simclr embed`."
    )


def _is_lances(error, text):
    """Whether Lance raised it: of a value that is wrong it says what it is."""
    if isinstance(error, InputError) or not isinstance(error, _KINDS):
        return False
    if isinstance(error, OSError):
        return error.errno is None  # Python's own have a number.
    return isinstance(error, pa.ArrowInvalid) or "LanceError" in text


def _reason(text):
    """What is wrong, without lines of Rust: one line."""
    text = (text.strip() or "no reason was given").splitlines()[0]
    text = _SOURCE.sub("", text)
    while _LAYERS.search(text):
        text = _LAYERS.sub("", text)
    return text.strip().rstrip(".,")


class _Watched:
    """What Lance gives: its errors, and those of what it gives, are told."""

    def __init__(self, inner, uri):
        self._inner, self._uri = inner, uri

    def __getattr__(self, name):
        with watched(self._uri):
            return _given(getattr(self._inner, name), self._uri)

    def __call__(self, *args, **options):
        with watched(self._uri):
            return _given(self._inner(*args, **options), self._uri)

    def __iter__(self):
        with watched(self._uri):
            yield from self._inner


def _given(value, uri):
    """Watched, where it may read or write yet; values are as they are."""
    active = callable(value) or isinstance(value, types.GeneratorType)
    if active or type(value).__module__.partition(".")[0] == "lance":
        return _Watched(value, uri)
    return value
