"""Which images of a store to label next, and which to train on.

Letters: m = live images, b = images to choose, c = classes.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.explore.choosing import balance, rule
from simclr.explore.space import no_clusters, read
from simclr.messages.errors import InputError


@dataclasses.dataclass(frozen=True)
class Selected:
    """Images to label.

    Attributes:
        table: pa.Table, in the order of choice: id, label (""), cluster, name.
        rule: str, "typical" or "margin".
        why: str, a line that says which rule and why.
        labelled: int, images that have a label already.
    """

    table: pa.Table
    rule: str
    why: str
    labelled: int


def select(store, count, *, labels=None, seed=0):
    """Chooses images to label; duplicates and labelled ones never.

    Args:
        store: Store.
        count: b.
        labels: dict of id -> label that people gave since; they count as the
            store's own do.
        seed: int.

    Returns:
        Selected.

    Raises:
        InputError: the store has no clusters, or fewer images to choose from.
    """
    space = read(store)
    if space is None:
        raise no_clusters(store.path)
    # One of several duplicates is enough, unless it is labelled.
    where = f"{store.live} and {store.current.column('duplicate')} is null"
    rows = store.read(["id", "cluster", "label"], where=where)
    if not len(rows):
        raise InputError(f"{store.path} holds no image.")
    ids = rows["id"].to_pylist()
    given = rows["label"].to_pylist()
    for i, name in enumerate(ids):
        given[i] = (labels or {}).get(name) or given[i]
    classes = sorted({label for label in given if label})
    number = {label: i for i, label in enumerate(classes)} | {None: -1, "": -1}
    known = np.array([number[label] for label in given])
    cluster = rows["cluster"].fill_null(-1).to_numpy()

    def blocks():
        for block in store.blocks(where):
            yield space.whitening.apply(block)

    found = rule.choose(blocks, known, cluster, count, seed=seed)
    names = np.array([*space.clusters.names, ""], object)
    chosen = cluster[found.row].astype(np.int32)
    return Selected(
        pa.table(
            {
                "id": [ids[row] for row in found.row],
                "label": pa.array([""] * len(found.row)),
                "cluster": chosen,
                "name": pa.array(
                    names[space.clusters.rows_of(chosen)], pa.string()
                ),
            }
        ),
        found.rule,
        found.why,
        int((known >= 0).sum()),
    )


def balanced(store, most, *, seed=0):
    """Images to train on: at most so many of each cluster, no duplicates.

    Args:
        store: Store.
        most: images of each cluster.
        seed: int, draws them.

    Returns:
        pa.Table: id, cluster; in the order of the store.

    Raises:
        InputError: most < 1, or no image.
    """
    where = f"{store.live} and {store.current.column('duplicate')} is null"
    rows = store.read(["id", "cluster"], where=where)
    if not len(rows):
        raise InputError(f"{store.path} holds no image.")
    cluster = rows["cluster"].fill_null(-1).to_numpy()
    return rows.take(pa.array(balance.at_most(cluster, most, seed=seed)))
