"""Files of weights as others publish them, written for tests."""

import json
import pathlib

import numpy as np

from tests import drawn_weights

GOLDEN = np.load(
    pathlib.Path(__file__).parent / "golden" / "published_nets.npz"
)
# Name of a net -> {name of a weight: shape}, as torchvision and timm have them.
NETS = json.loads(GOLDEN["names"].tobytes())


def state(net):
    """dict of name -> array: the weights that the golden features are of."""
    return {
        name: drawn_weights.value(name, tuple(shape))
        if not name.endswith("num_batches_tracked")
        else np.int64(0)
        for name, shape in NETS[net].items()
    }


def write(path, arrays):
    """Writes a .safetensors or an .npz file; returns its path as text."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        write_safetensors(path, arrays)
    return str(path)


def write_safetensors(path, arrays, **changes):
    """The format as its README says it; `changes` go over the header."""
    kinds = {"float32": "F32", "int64": "I64", "float16": "F16"}
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, array in arrays.items():
        array = np.asarray(array)
        part = array.tobytes()
        header[name] = {
            "dtype": kinds[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(part)],
        }
        parts.append(part)
        at += len(part)
    text = json.dumps({**header, **changes}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))
