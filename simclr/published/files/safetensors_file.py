"""The safetensors format: a JSON header, then the bytes of all tensors.

github.com/huggingface/safetensors, README, "Format". It takes these few lines,
so that no package is needed.
"""

import math
import os

import numpy as np

from simclr.messages.errors import InputError
from simclr.published.files import names_tell
from simclr.storage import json_text

_LENGTH = 8  # Bytes of the header's length.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # The upper half of a float32.
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read(path):
    """Lists a .safetensors file.

    Returns:
        Source.

    Raises:
        InputError: it is damaged, or its names are of no library known here.
    """
    try:
        entries, start = _header(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({error})."
        ) from None

    def array(name):
        dtype, shape, (begin, _) = entries[name]
        flat = np.fromfile(
            path, dtype, math.prod(shape), offset=start + begin
        ).reshape(shape)
        if dtype == _DTYPES["BF16"]:
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat

    shapes = {name: shape for name, (_, shape, _) in entries.items()}
    return names_tell.source("safetensors file", path, shapes, array)


def _header(path):
    """({name: (dtype, shape, (begin, end))}, where the tensors begin)."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if length > size - _LENGTH:
            raise ValueError("its header is longer than the file")
        header = json_text.parse(file.read(length))
    entries = {}
    room = size - _LENGTH - length
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        bytes_of = math.prod(shape) * np.dtype(dtype).itemsize
        if not 0 <= begin <= end <= room or end - begin != bytes_of:
            raise ValueError(f"{name} is cut off")
        entries[name] = dtype, shape, (begin, end)
    return entries, _LENGTH + length
