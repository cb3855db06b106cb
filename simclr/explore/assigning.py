"""New images of a store: their clusters, their novelty, their duplicates.

Letters: n = new images, r = rows of the reference, d = dimensions.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.executors import HERE
from simclr.explore import known_images
from simclr.explore.clusters.day import Day, one_day
from simclr.explore.space import REFERENCE, no_clusters, read, write

# What decides which of two duplicates is kept, and what a report says.
_FACTS = ["id", "day", "width", "height", "sharpness", "time"]


@dataclasses.dataclass(frozen=True)
class Assigned:
    """What became of new images.

    Attributes:
        table: pa.Table, the most novel first: id, day, cluster, name,
            distance, novelty, new (bool: beyond its cluster's threshold, or of
            a cluster that was born), duplicate (the image that stands for it,
            or null), score (of these two).
        born: tuple of the ids of new clusters, the largest first.
        looked: bool, whether duplicates were looked for.
    """

    table: pa.Table
    born: tuple
    looked: bool


def unassigned(store):
    """A filter: live images that have no cluster yet."""
    return f"{store.live} and {store.current.column('cluster')} is null"


def assign(store, *, day, seed=0, executor=HERE):
    """Gives clusters to the images that have none; no other image changes.

    Duplicates are looked for where `simclr dedup` has said what they are.

    Args:
        store: Store, held by the caller.
        day: str, when new clusters are born.
        seed: int.
        executor: computes what is near: clusters, known images, each other.

    Returns:
        Assigned.

    Raises:
        InputError: the store has no clusters yet.
    """
    space = read(store)
    if space is None:
        raise no_clusters(store.path)
    where = unassigned(store)
    known_images.release(store)
    images = store.read(_FACTS, where=where)
    if not len(images):
        none = np.zeros([0], np.float32)
        nothing = Day(none.astype(np.int32), none, none, (), space.clusters)
        return Assigned(_table(images, nothing, None), (), False)
    ids = images["id"].combine_chunks()
    vectors = np.concatenate(list(store.blocks(where)))
    twins, add = known_images.find(store, ids, vectors, images, executor)
    rows = space.whitening.apply(vectors)
    found = one_day(
        space.clusters,
        rows,
        space.reference.astype(np.float32),
        day=day,
        seed=seed,
        layer=space.head,
        executor=executor,
    )
    # Clusters and the index first: after a kill the same images are assigned
    # again, to these clusters, and take their own places in the index.
    write(
        store,
        dataclasses.replace(
            space,
            clusters=found.clusters,
            reference=_renewed(
                space.reference, rows, store.count() - len(ids), seed
            ),
        ),
    )
    if add:
        add()
    cells = _cells(found, twins)
    if not twins:
        del cells["duplicate"]
    store.fill(cells, where)
    return Assigned(_table(images, found, twins), found.born, bool(add))


def _renewed(reference, rows, before, seed):
    """The reference with as large a share of the new rows as of the others."""
    share = len(reference) / max(1, before)
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(rows))[: round(share * len(rows))]
    both = np.concatenate([reference, rows[some].astype(np.float16)])
    return both[rng.permutation(len(both))[:REFERENCE]]


def _cells(found, twins):
    """What the table of the store gets, dict of name -> pa.Array."""
    twin = twins.duplicate if twins else [None] * len(found.cluster)
    return {
        "cluster": pa.array(found.cluster, pa.int32()),
        "distance": pa.array(found.distance, pa.float32()),
        "novelty": pa.array(found.novelty, pa.float32()),
        "duplicate": pa.array(twin, pa.string()),
    }


def _table(images, found, twins):
    cells = _cells(found, twins)
    names = np.array([*found.clusters.names, ""], object)
    rows = found.clusters.rows_of(found.cluster)
    score = twins.score if twins else np.full(len(images), np.nan)
    table = pa.table(
        {
            "id": images["id"],
            "day": images["day"],
            "cluster": cells["cluster"],
            "name": pa.array(names[rows], pa.string()),
            "distance": cells["distance"],
            "novelty": cells["novelty"],
            "new": (found.novelty > 1) | np.isin(found.cluster, found.born),
            "duplicate": cells["duplicate"],
            "score": pa.array(score, pa.float32(), from_pandas=True),
        }
    )
    return table.sort_by([("novelty", "descending"), ("id", "ascending")])
