"""Nearest neighbours by cosine among all rows, in blocks.

Letters: m = rows to search among, n = rows of a block, q = queries, f =
features, k = neighbours, h = hits.
"""

import numpy as np

from simclr.explore.clusters.whiten import unit
from simclr.messages.errors import InputError

# A tile takes 1024 x 4096 x 4 bytes = 16 MiB, however many rows there are.
_QUERIES, _ROWS = 1024, 4096
_MANY = 8  # So many k of hits a query are first cut down to the k best.


def nearest(blocks, queries, k):
    """The k rows most similar to each query.

    Products are float32, of rows scaled to length 1; rows of zeros have
    similarity 0 to everything. Memory does not grow with m.

    Args:
        blocks: function without arguments that gives an iterator of float
            [n, f], all rows in their order; walked once.
        queries: float [q, f].
        k: neighbours; m where there are fewer.

    Returns:
        row: int64 [q, min(k, m)], the most similar first, and the smaller row
            first among equals.
        similarity: float32 [q, min(k, m)], cosines.

    Raises:
        InputError: k < 1, widths that differ, or rows that are not finite.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1.")
    queries = unit(np.asarray(queries, np.float32))
    row = np.zeros([len(queries), k], np.int64)
    similarity = np.full([len(queries), k], -np.inf, np.float32)
    start = 0
    for block in blocks():
        if block.shape[1] != queries.shape[1]:
            raise InputError(
                f"Rows of {block.shape[1]} and of {queries.shape[1]} "
                "dimensions cannot be compared."
            )
        for left in range(0, len(block), _ROWS):
            part = unit(block[left : left + _ROWS].astype(np.float32))
            for top in range(0, len(queries), _QUERIES):
                tile = slice(top, top + _QUERIES)
                _merge(row[tile], similarity[tile], queries[tile], part, start)
            start += len(part)
    return row[:, :start], similarity[:, :start]


def _merge(row, similarity, queries, part, start):
    """Takes the rows of a part, numbered from `start` on, into the best k."""
    q, k = row.shape
    products = queries @ part.T
    # Earlier rows win among equals, so a hit must be above the worst.
    hit = products > similarity[:, -1:]
    if np.count_nonzero(hit) > _MANY * k * q and k < len(part):
        least = np.partition(products, -k, axis=1)[:, -k]
        hit &= products >= least[:, None]
    query, column = np.nonzero(hit)
    changed = np.unique(query)
    if len(changed) == 0:
        return
    # The best so far and the hits, as one list by query: [|changed| k + h].
    query = np.concatenate([np.repeat(changed, k), query])
    rows = np.concatenate([row[changed].ravel(), column + start])
    values = np.concatenate([similarity[changed].ravel(), products[hit]])
    order = np.lexsort([rows, -values, query])
    first = np.searchsorted(query[order], changed)
    best = order[first[:, None] + np.arange(k)]
    row[changed], similarity[changed] = rows[best], values[best]
