"""Nearest neighbours in a Lance table: exact, or by index above a million.

Letters: m = rows to search among, q = queries, f = features, k = neighbours.
"""

import dataclasses

import numpy as np

from simclr.explore.neighbours import exact, index
from simclr.messages.errors import InputError

# An exact search of a million rows of 128 features takes seconds, and the index
# minutes to make.
MOST_EXACT = 1_000_000
_BLOCK = 8192
_RECALL_QUERIES = 1000


@dataclasses.dataclass(frozen=True)
class Found:
    """The neighbours of queries.

    Attributes:
        row: int64 [q, k], rows of the table, as its `take` counts them.
        similarity: float32 [q, k], cosines, the highest first.
        way: str, "exact" or "index".
        why: str, a line that says why this way.
    """

    row: np.ndarray
    similarity: np.ndarray
    way: str
    why: str


def search(
    table, column, queries, k, *, where=None, own=None, most_exact=MOST_EXACT
):
    """The k rows most similar to each query, the better way for so many rows.

    Args:
        table: a LanceDataset.
        column: str, vectors of float16 [f]; rows without one never come out.
        queries: float [q, f].
        k: neighbours; all where there are fewer.
        where: SQL filter of the rows to search among; None: all.
        own: int [q], the row of the table that each query is, to be left out;
            None: they are none.
        most_exact: rows; of more the index is used, if there is one.

    Returns:
        Found.

    Raises:
        InputError: k < 1, nothing to search among, widths that differ, or
            vectors that are not finite.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1.")
    count = table.count_rows(where)
    if count == 0:
        raise InputError("There is no image to search among.")
    f = table.schema.field(column).type.list_size
    if queries.shape[1] != f:
        raise InputError(
            f"Queries of {queries.shape[1]} dimensions cannot be compared "
            f"with vectors of {f}."
        )
    way, why = _way(table, column, count, most_exact)
    look = {"exact": _exactly, "index": _by_index}[way]
    lance_id, similarity = look(
        table, column, queries, min(k + (own is not None), count), where
    )
    row = _numbers(table, lance_id)
    if own is not None:
        row, similarity = _without(row, similarity, own)
    return Found(row, similarity, way, why)


def recall(table, column, *, seed, where=None, k=10, queries=_RECALL_QUERIES):
    """The share of the true neighbours that the index finds: recall@k.

    Args:
        table: a LanceDataset whose column has an index.
        column: str.
        seed: int, draws the queries from the rows.
        where: SQL filter, as of `search`.
        k: neighbours of a row, itself left out.
        queries: rows to draw; all where there are fewer.

    Returns:
        float in [0, 1]. Where more than k rows are as similar as the last
        one, others of them count as misses.

    Raises:
        InputError: no index, or nothing to search among.
    """
    if not index.is_there(table, column):
        raise InputError(f"The column {column} has no index.")
    rows = _numbers(table, _lance_ids(table, where))
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(rows, min(queries, len(rows)), replace=False))
    vectors = table.take(rows, columns=[column])[column].combine_chunks()
    rows, vectors = rows[_valid(vectors)], _array(vectors)
    found, true = (
        search(table, column, vectors, k, where=where, own=rows, most_exact=m)
        for m in (0, np.inf)
    )
    return index.recall(found.row, true.row)


def _way(table, column, count, most_exact):
    if count <= most_exact:
        return "exact", f"{count:,} rows: every one was looked at."
    if index.is_there(table, column):
        return "index", f"{count:,} rows: found by the index."
    return (
        "exact",
        f"{count:,} rows without an index: every one was looked at.",
    )


def _exactly(table, column, queries, k, where):
    """As index.search; by a walk over all rows."""
    lance_ids = [np.zeros(0, np.uint64)]

    def blocks():
        scanner = table.scanner(
            columns=[column],
            filter=where,
            with_row_id=True,
            batch_size=_BLOCK,
            scan_in_order=True,
            batch_readahead=4,
            fragment_readahead=1,
        )
        for batch in scanner.to_batches():
            vectors = batch.column(column)
            lance_id = batch.column("_rowid").to_numpy()
            lance_ids.append(lance_id[_valid(vectors)])
            yield _array(vectors)

    row, similarity = exact.nearest(blocks, queries, k)
    return np.concatenate(lance_ids)[row], similarity


def _by_index(table, column, queries, k, where):
    allowed = None if where is None else np.sort(_lance_ids(table, where))
    return index.search(table, column, queries, k, allowed)


def _lance_ids(table, where=None):
    """uint64, Lance's ids of rows, in the table's order."""
    rows = table.scanner(
        columns=[], filter=where, with_row_id=True, scan_in_order=True
    ).to_table()
    return rows["_rowid"].to_numpy()


def _numbers(table, lance_id):
    """int64: which of all rows, in the table's order, have these ids."""
    every = _lance_ids(table)
    order = np.argsort(every, kind="stable")
    return order[np.searchsorted(every[order], lance_id)]


def _without(row, similarity, own):
    """The neighbours of queries that are rows, without themselves."""
    itself = row == np.asarray(own)[:, None]
    # Among more than k duplicates it may be missing: then the last one goes.
    itself[~itself.any(axis=1), -1] = True
    shape = len(row), row.shape[1] - 1
    return row[~itself].reshape(shape), similarity[~itself].reshape(shape)


def _valid(vectors):
    """bool: which vectors are there."""
    return vectors.is_valid().to_numpy(zero_copy_only=False)


def _array(vectors):
    """float16 [*, f], the vectors that are there."""
    width = vectors.type.list_size
    return vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
