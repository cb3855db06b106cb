"""The pairs above a threshold of two lists of rows, by products in tiles.

Letters: q = queries, c = candidates, d = dimensions.
"""

import numpy as np

# A tile takes 1024 x 4096 x 4 bytes = 16 MiB, however many rows there are.
_QUERIES = 1024
_CANDIDATES = 4096


def hits(queries, candidates, threshold, same=False):
    """Where products reach a threshold.

    Args:
        queries: float32 [q, d].
        candidates: float32 [c, d].
        threshold: float.
        same: bool, the two are the same rows: of a pair one order is given,
            i < j, and none of a row with itself.

    Yields:
        i: int64 [p], of the queries.
        j: int64 [p], of the candidates.
    """
    for top in range(0, len(queries), _QUERIES):
        tile = queries[top : top + _QUERIES]
        for left in range(top if same else 0, len(candidates), _CANDIDATES):
            products = tile @ candidates[left : left + _CANDIDATES].T
            if same and left == top:
                products[np.tri(*products.shape, dtype=bool)] = -np.inf
            # Most rows have no pair: the maximum tells so by one fast pass.
            rows = np.flatnonzero(products.max(axis=1) >= threshold)
            i, j = np.nonzero(products[rows] >= threshold)
            if len(i):
                yield rows[i] + top, j + left
