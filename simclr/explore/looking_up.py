"""The images of a store that are most like some images.

Letters: q = queries, k = neighbours, f = features.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.explore.neighbours import index, nearest
from simclr.explore.store.cells import quoted, to_array
from simclr.messages.errors import InputError


@dataclasses.dataclass(frozen=True)
class LookedUp:
    """What was found.

    Attributes:
        table: pa.Table: query (its id), id, similarity (cosine), rank (from 1
            on), cluster, label; a query's neighbours together, the most
            similar first.
        why: str, a line on how it was found.
        recall: float, recall@10 of the index against an exact search of 1,000
            queries; None: the search was exact.
    """

    table: pa.Table
    why: str
    recall: float | None


def vectors_of(store, ids):
    """The vectors of images of a store.

    Args:
        store: Store.
        ids: list of str.

    Returns:
        (float16 [q, f], int64 [q], rows of the table), in their order.

    Raises:
        InputError: one is not in the store, or has no vector.
    """
    vectors, rows = [], []
    for name in ids:
        where = f"{store.live} and id = {quoted(name)}"
        found = store.read(["vector"], where=where)["vector"].combine_chunks()
        if not len(found):
            raise InputError(f"{store.path} has no image {name}.")
        vectors.append(to_array(found)[0])
        rows.append(_row(store, where))
    return np.array(vectors), np.array(rows)


def look_up(store, names, vectors, *, count, own=None, seed=0):
    """Looks for the nearest images.

    Args:
        store: Store.
        names: list of str [q], what the queries are called.
        vectors: float [q, f].
        count: k.
        own: int [q], rows of the table that the queries are themselves; None:
            they are not in the store.
        seed: int, of the queries that measure the index.

    Returns:
        LookedUp.

    Raises:
        InputError: as nearest.search.
    """
    column = store.current.column("vector")
    found = nearest.search(
        store.table, column, vectors, count, where=store.live, own=own
    )
    recall = None
    if found.way == "index":
        recall = nearest.recall(
            store.table, column, seed=seed, where=store.live
        )
    k = found.row.shape[1]
    columns = ["id", "cluster", "label"]
    rows = store.table.take(
        found.row.ravel(), columns=[store.current.column(c) for c in columns]
    ).rename_columns(columns)
    return LookedUp(
        pa.table(
            {
                "query": np.repeat(np.array(names, object), k),
                "id": rows["id"],
                "similarity": found.similarity.ravel(),
                "rank": np.tile(
                    np.arange(1, k + 1, dtype=np.int32), len(names)
                ),
                "cluster": rows["cluster"],
                "label": rows["label"],
            }
        ),
        found.why,
        recall,
    )


def make_index(store):
    """Makes the index of a store's vectors, or takes new images into it.

    Args:
        store: Store, held by the caller.
    """
    index.refresh(store.table, store.current.column("vector"))
    store.refresh()


def needs_index(store):
    """Whether the store has so many images that searches want an index."""
    return store.count() > nearest.MOST_EXACT


def _row(store, where):
    """The number of a row, as `take` counts them."""
    table = store.table
    every, some = (
        table.scanner(
            columns=[], filter=f, with_row_address=True, scan_in_order=True
        ).to_table()["_rowaddr"]
        for f in (None, where)
    )
    return int(np.flatnonzero(every.to_numpy() == some[0].as_py())[0])
