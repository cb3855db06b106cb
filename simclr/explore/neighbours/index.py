"""An IVF_RQ index of a Lance table's column, and nearest neighbours by it.

The vectors are in cells of k-means, each kept with 5 bits a dimension (RaBitQ,
Gao et al. 2024, arxiv.org/abs/2409.09913). The cells nearest to a query are
searched by these, and the best found so are compared by the vectors themselves.

Lance draws the index's rotation without a seed: one index gives the same answer
twice, another one of the same rows may miss another neighbour. pylance 7 finds
only 7 to 8 of 10 neighbours once a row was deleted, and its indexes cannot be
read by later ones: 8 is the oldest that will do.

Letters: q = queries, f = features, k = neighbours, s = segments of the index.
"""

import numpy as np

from simclr.explore.clusters.whiten import unit
from simclr.explore.store.tables import open_table

_BITS = 5  # A dimension; said because the default was 1 once.
# With 24 cells of 4,096 rows and ten candidates a neighbour, recall@10 is above
# 0.99 on made rows; more cells and candidates take longer.
_CELLS, _CANDIDATES = 24, 10
_QUERIES = 256  # A search at a time; the candidates' vectors take memory.


def name_of(column):
    """The name of a column's index."""
    return f"{column}_idx"


def is_there(table, column):
    """Whether a column has an index."""
    return any(i.name == name_of(column) for i in table.describe_indices())


def unindexed(table, column):
    """How many rows came after the index: int."""
    return _facts(table, column)["num_unindexed_rows"]


def refresh(table, column, *, partitions=None):
    """Makes the index, or takes the rows into it that came since.

    New rows become a segment of their own, and segments that are no larger
    than what is newer are put together with it: a day costs what its rows
    cost, and there are about log2(rows / rows of a day) segments.

    Args:
        table: as tables.open_table, at its newest version.
        column: str, vectors of float16 [f]; null ones stay out.
        partitions: cells of k-means; None: one for 4,096 rows or so.

    Returns:
        as tables.open_table, at the version with the index.
    """
    if not is_there(table, column):
        table.create_index(
            column,
            index_type="IVF_RQ",
            name=name_of(column),
            metric="cosine",
            num_partitions=partitions,
            num_bits=_BITS,
        )
    else:
        facts = _facts(table, column)
        new = facts["num_unindexed_rows"]
        if not new:
            return table
        merged = 0
        for size in reversed(facts["num_indexed_rows_per_delta"]):
            if size > new:
                break
            new, merged = new + size, merged + 1
        table.optimize.optimize_indices(
            index_names=[name_of(column)], num_indices_to_merge=merged
        )
    return open_table(table.uri)


def search(table, column, queries, k, allowed=None):
    """The k rows most similar to each query, nearly all of them.

    Rows that are not in the index yet are looked at one by one.

    Args:
        table: as tables.open_table, whose column has an index.
        column: str.
        queries: float [q, f].
        k: neighbours; all where fewer rows may come out.
        allowed: uint64, Lance's ids of rows that may come out, rising; None:
            all. Lance's own filter would be read again for every query.

    Returns:
        lance_id: uint64 [q, k], Lance's ids of rows, the most similar first,
            and the smaller one first among equals.
        similarity: float32 [q, k], cosines of the queries as float16.
    """
    if queries.dtype != np.float16:  # Lance makes it so: none may overflow.
        queries = unit(queries.astype(np.float32))
    lance_id = np.zeros([len(queries), k], np.uint64)
    similarity = np.zeros([len(queries), k], np.float32)
    total = table.count_rows()
    wanted, left = k, np.arange(len(queries))
    if allowed is not None:  # A quarter more than needed on average.
        wanted = min(total, int(1.25 * k * total / max(1, len(allowed))) + 1)
    while len(left):
        missing = []
        for start in range(0, len(left), _QUERIES):
            some = left[start : start + _QUERIES]
            found = _found(table, column, queries[some], wanted, allowed)
            for query, rows, values in zip(some, *found):
                if len(rows) < k and wanted < total:
                    missing.append(query)
                    continue
                k = min(k, len(rows))  # Fewer only where these are all.
                lance_id[query, :k] = rows[:k]
                similarity[query, :k] = values[:k]
        wanted, left = min(total, 4 * wanted), np.array(missing, int)
    return lance_id[:, :k], similarity[:, :k]


def recall(found, exact):
    """The share of the true neighbours that were found: recall@k.

    Args:
        found: int [q, k], rows.
        exact: int [q, k], the true ones, in any order.

    Returns:
        float in [0, 1].
    """
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, exact)]
    return float(np.sum(hits) / exact.size)


def _found(table, column, queries, wanted, allowed):
    """Lists of row ids and of similarities, one of each a query."""
    rows = table.scanner(
        columns=["_distance"],
        with_row_id=True,
        nearest={
            "column": column,
            "q": queries,
            "k": wanted,
            "metric": "cosine",
            "minimum_nprobes": _CELLS,
            "refine_factor": _CANDIDATES,
        },
    ).to_table()
    query = rows["query_index"].to_numpy()
    lance_id = rows["_rowid"].to_numpy()
    similarity = 1 - rows["_distance"].to_numpy()
    if allowed is not None:
        kept = _is_in(lance_id, allowed)
        query, lance_id, similarity = (
            x[kept] for x in (query, lance_id, similarity)
        )
    order = np.lexsort([lance_id, -similarity, query])
    ends = np.searchsorted(query[order], np.arange(1, len(queries)))
    return np.split(lance_id[order], ends), np.split(similarity[order], ends)


def _is_in(values, rising):
    """bool: which values are among rising ones."""
    place = np.searchsorted(rising, values)
    inside = place < len(rising)
    inside[inside] = rising[place[inside]] == values[inside]
    return inside


def _facts(table, column):
    return table.stats.index_stats(name_of(column))
