"""Ways to choose images that ours are compared with.

Letters: m = rows, n = rows of a block, f = features, L = labelled rows, b =
budget.
"""

import numpy as np

from simclr.explore.choosing.rows import unlabelled

_BLOCK = 16_384


def at_random(count, labelled, budget, *, seed):
    """Rows without a label, each as likely as another.

    Args:
        count: m.
        labelled: int [L].
        budget: b.
        seed: int.

    Returns:
        int64 [b].

    Raises:
        InputError: b outside [1, m - L], or a labelled row outside [0, m).
    """
    free = np.flatnonzero(unlabelled(count, labelled, budget))
    return np.random.default_rng(seed).choice(free, budget, replace=False)


def k_centre(rows, labelled, budget, *, seed):
    """The row farthest from all that are labelled or chosen, b times.

    k-centre greedy (Sener and Savarese 2018, arxiv.org/abs/1708.00489,
    Algorithm 1). It takes b walks over all rows, which are held in memory.

    Args:
        rows: float [m, f].
        labelled: int [L]; without any the first row is drawn.
        budget: b.
        seed: int.

    Returns:
        int64 [b], in the order of choice.

    Raises:
        InputError: as `at_random`.
    """
    free = unlabelled(len(rows), labelled, budget)
    distance = np.full(len(rows), np.inf, np.float32)
    for row in np.unique(np.asarray(labelled, np.int64)):
        _nearer(distance, rows, row)
    chosen = []
    if len(labelled) == 0:
        rng = np.random.default_rng(seed)
        chosen.append(int(rng.integers(len(rows))))
    while True:
        if chosen:
            free[chosen[-1]] = False
            _nearer(distance, rows, chosen[-1])
        if len(chosen) == budget:
            return np.array(chosen, np.int64)
        chosen.append(int(np.where(free, distance, -1).argmax()))


def _nearer(distance, rows, centre):
    """Takes one more centre into the squared distances to the nearest."""
    centre = rows[centre].astype(np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        apart = rows[part].astype(np.float32) - centre
        square = np.einsum("nf,nf->n", apart, apart)
        np.minimum(distance[part], square, out=distance[part])
