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
    """

    table: pa.Table
    why: str


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
        rows.append(store.numbers(where)[0])
    return np.array(vectors), np.array(rows)


def look_up(store, names, vectors, *, count, own=None):
    """Looks for the nearest images.

    Args:
        store: Store.
        names: list of str [q], what the queries are called.
        vectors: float [q, f].
        count: k.
        own: int [q], rows of the table that the queries are themselves; None:
            they are not in the store.

    Returns:
        LookedUp.

    Raises:
        InputError: as nearest.search.
    """
    column = store.current.column("vector")
    found = nearest.search(
        store.table, column, vectors, count, where=store.live, own=own
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
    )


def make_index(store, *, seed=0):
    """Makes the index of a store's vectors, or takes new images into it.

    Args:
        store: Store, held by the caller.
        seed: int, of the queries that measure it.

    Returns:
        float, recall@10 against an exact search of 1,000 queries; None: the
        index was there, and no image is new.
    """
    column = store.current.column("vector")
    known = index.is_there(store.table, column)
    if known and not index.unindexed(store.table, column):
        return None
    index.refresh(store.table, column)
    store.refresh()
    return nearest.recall(store.table, column, seed=seed, where=store.live)


def needs_index(store):
    """Whether the store has so many images that searches want an index."""
    return store.count() > nearest.MOST_EXACT
