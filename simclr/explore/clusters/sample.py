"""A sample of rows that are too many to hold.

Letters: m = rows in all, n = rows of a block, s = rows of the sample, f =
features.
"""

import numpy as np

from simclr.messages.errors import InputError


def draw(blocks, count, size, *, seed):
    """Rows drawn without replacement, every row as likely as another.

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order.
        count: m.
        size: s; all rows where there are fewer.
        seed: int.

    Returns:
        rows: [s, f] in the order and the dtype of the blocks.
        index: int64 [s], which of all rows they are, rising.

    Raises:
        InputError: size < 1, or the blocks do not hold `count` rows.
    """
    if size < 1:
        raise InputError(f"A sample of {size} rows is none.")
    rng = np.random.default_rng(seed)
    size = min(size, count)
    index = np.sort(rng.choice(count, size, replace=False, shuffle=False))
    parts, start = [], 0
    for block in blocks():
        first, last = np.searchsorted(index, [start, start + len(block)])
        if first < last:
            parts.append(block[index[first:last] - start])
        start += len(block)
    if start != count or count < 1:
        raise InputError(f"The blocks hold {start} rows; {count} were told.")
    return np.concatenate(parts), index
