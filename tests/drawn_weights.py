"""Weights and images that anyone can draw again, by names and shapes alone.

Of nets with the names of PyTorch; NumPy alone, for benchmarks/published_nets.py
runs where TensorFlow is not.
"""

import math
import zlib

import numpy as np


def value(name, shape):
    """A weight: float32, its size as in a trained net.

    Statistics of batch norm and layer scales are drawn, too, so that none of
    them can be left out unseen.
    """
    draw = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    x = draw.standard_normal(shape)
    kind = name.rpartition(".")[2]
    if kind == "running_var":
        x = 0.5 + np.abs(x)
    elif kind in ("gamma", "layer_scale"):
        x = 0.3 + 0.1 * x
    elif len(shape) == 1 and kind == "weight":
        x = 1 + 0.1 * x
    elif len(shape) >= 2 and kind in ("weight", "in_proj_weight"):
        x *= math.sqrt(2 / math.prod(shape[1:]))
    else:
        x *= 0.1
    return x.astype(np.float32)


def images(size, count):
    """float32 [count, size, size, 3] in [0, 1]."""
    draw = np.random.Generator(np.random.PCG64(size))
    return draw.random((count, size, size, 3), np.float32)
