"""How fast nets look at images, measured side by side."""

import time

import numpy as np

# Batches a net; the first compiles and does not count.
_ROUNDS = 10


def images_per_second(functions, batches):
    """Speed of several functions, called in turn, so that all meet the same
    noise.

    Args:
        functions: dict of name -> function of a batch.
        batches: dict of name -> its batch, [b, ...]; always the same one.

    Returns:
        dict of name -> float, by the median time of a call.
    """
    seconds = {name: [] for name in functions}
    for _ in range(1 + _ROUNDS):
        for name, function in functions.items():
            started = time.monotonic()
            np.asarray(function(batches[name]))  # Now it has to be there.
            seconds[name].append(time.monotonic() - started)
    return {
        name: len(batches[name]) / float(np.median(times[1:]))
        for name, times in seconds.items()
    }
