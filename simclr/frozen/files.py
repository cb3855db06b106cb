"""Which files are frozen encoders, and by what they are known.

No TensorFlow here: commands ask before they start it.
"""

import hashlib
import mmap
import os

from simclr.messages.errors import InputError
from simclr.storage import missing
from simclr.storage.regular import regular

KERAS, SAVED_MODEL, ONNX = "Keras", "SavedModel", "ONNX"
SPELLINGS = "a .keras or .onnx file, or a SavedModel's folder"
_ENDINGS = {".keras": KERAS, ".onnx": ONNX}
_GRAPH = "saved_model.pb"  # What every SavedModel's folder holds.
_BLOCK = 1 << 20


def is_encoder(path):
    """Whether a path is spelt as a frozen encoder; a cheap look.

    Args:
        path: str; a .keras or .onnx file need not be there, so that whoever
            opens it says that it is missing.
    """
    return bool(kind_of(path))


def kind_of(path):
    """KERAS, SAVED_MODEL or ONNX; "" for any other path."""
    if os.path.isdir(path):
        there = os.path.isfile(os.path.join(path, _GRAPH))
        return SAVED_MODEL if there else ""
    return _ENDINGS.get(os.path.splitext(path)[1].lower(), "")


def require(path):
    """The kind of a frozen encoder that is there.

    Raises:
        InputError: it is missing, or no such file.
        OSError: it is called so, and is no regular file.
    """
    kind = kind_of(path)
    if kind and os.path.exists(path):
        if kind != SAVED_MODEL:  # What opens it would wait for a pipe.
            os.close(regular(path, os.O_RDONLY))
        return kind
    if not os.path.exists(path):
        raise InputError(missing.message(path))
    raise InputError(f"{path} is no frozen encoder: {SPELLINGS}.")


def name_of(path):
    """What people call it: the file's, or the folder's, name."""
    return os.path.basename(os.path.abspath(path))


def digest(path, *settings):
    """A hash of the bytes of a file, or of all files of a folder.

    Args:
        path: of a frozen encoder. Of an .onnx file, the files beside it that
            it names, its weights, are its part.
        *settings: what else tells two uses of it apart, str.

    Returns:
        str, 32 hexadecimal digits; the same wherever the file lies.
    """
    found = hashlib.blake2b(digest_size=16)
    for name, file in sorted(_parts(path)):
        found.update(f"{name}\0{os.path.getsize(file)}\0".encode())
        with open(file, "rb") as f:
            while block := f.read(_BLOCK):
                found.update(block)
    for setting in settings:
        found.update(f"\0{setting}".encode())
    return found.hexdigest()


def _parts(path):
    """[(name inside, path)] of the files that make the graph."""
    if os.path.isdir(path):
        return [
            (os.path.relpath(os.path.join(folder, name), path), file)
            for folder, _, names in os.walk(path)
            for name in names
            if not name.endswith(".json")  # Settings come by themselves.
            and os.path.isfile(file := os.path.join(folder, name))
        ]
    beside = _external_weights(path) if kind_of(path) == ONNX else []
    return [("", path), *((os.path.basename(file), file) for file in beside)]


def _external_weights(path):
    """The files beside an ONNX graph whose names are written in it."""
    folder = os.path.dirname(os.path.abspath(path))
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as graph,
    ):
        return [
            entry.path
            for entry in os.scandir(folder)
            if entry.is_file()
            and entry.name != os.path.basename(path)
            and graph.find(entry.name.encode()) >= 0
        ]
