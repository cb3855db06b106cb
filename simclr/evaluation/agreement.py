"""Whether two nets find the same images alike: without a label.

Letters: m = images, f = features, k = neighbours.
"""

import numpy as np

from simclr.evaluation.knn import neighbours
from simclr.messages.errors import InputError

NEIGHBOURS = 10  # k.
_ROWS = 4096  # Rows of a block: 4096 x 10 x 10 comparisons.


def neighbour_agreement(h, other, k=NEIGHBOURS):
    """Mean share of an image's k nearest by `h` that are so by `other`, too.

    Neighbours are by cosine, without the image itself. The widths of the two
    may differ. Takes 4 m^2 f multiplications and additions, in blocks.

    Args:
        h: [m, f] features of one net.
        other: [m, f'] features of another, of the same images.
        k: neighbours; all others where there are fewer.

    Returns:
        float in [0, 1]: 1 for features that are rotated or scaled, about
        `by_chance` for those that have nothing in common.

    Raises:
        InputError: numbers of rows that differ, fewer than 2, k < 1, or
            features that are not finite.
    """
    return agreements(h, {"": other}, k)[""]


def agreements(h, others, k=NEIGHBOURS):
    """`neighbour_agreement` with several: dict of name -> float.

    Args:
        h, k: as there.
        others: dict of name -> [m, f'] features.
    """
    own = _nearest(h, k)
    found = {}
    for name, other in others.items():
        if len(other) != len(h):
            raise InputError(
                f"Features of {len(h)} and of {len(other)} images cannot be "
                "compared."
            )
        found[name] = _shared(own, _nearest(other, k))
    return found


def by_chance(m, k=NEIGHBOURS):
    """What features that have nothing in common agree in, of m images."""
    return min(1.0, k / (m - 1))


def _nearest(h, k):
    """int64 [m, k]: of each row, those most similar to it."""
    return neighbours(h, np.arange(len(h)), k)[0]


def _shared(index, other):
    """Mean share of a row's numbers that are in the other's row."""
    count = 0
    for i in range(0, len(index), _ROWS):
        a, b = index[i : i + _ROWS], other[i : i + _ROWS]
        count += np.sum(a[:, :, None] == b[:, None, :])
    return float(count / index.size)
