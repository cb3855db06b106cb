"""Random numbers that are a function of what they are for.

The finalizer of SplitMix64 (Steele, Lea and Flood 2014), so that a number is
the same in every version of NumPy, and that those of all images come at once.
"""

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def uniform(seed, index, number):
    """The number-th random number of an image.

    Args:
        seed, index, number: ints, or int arrays that broadcast.

    Returns:
        float64 in [0, 1), of their shape.
    """
    found = np.zeros([1], np.uint64)
    for part in (seed, index, number):
        found = _mixed(found ^ np.asarray(part, np.uint64) + _STEP)
    shape = np.broadcast_shapes(*map(np.shape, (seed, index, number)))
    return np.reshape((found >> np.uint64(11)) * 2.0**-53, shape)


def below(bound, seed, index, number):
    """A random int64 in [0, bound), as `uniform`."""
    found = np.asarray(uniform(seed, index, number) * bound)
    return found.astype(np.int64)


def _mixed(x):
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
