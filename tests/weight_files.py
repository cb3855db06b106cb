"""Files of weights as others publish them, written for tests."""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

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
        save_file(
            {name: np.asarray(array) for name, array in arrays.items()}, path
        )
    return str(path)
