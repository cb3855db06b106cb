"""Clusters of a store: fitted, their ids kept over fits, written.

Letters: m = live images, k = clusters, d = dimensions, f = features.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.explore.clusters import (
    choose,
    density,
    head,
    kmeans,
    lasting,
    radius,
    sample,
    state,
    whiten,
)
from simclr.explore.space import (
    FITTED,
    REFERENCE,
    Space,
    no_clusters,
    read,
    write,
)
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar
from simclr.storage.text_table import two_columns

_HELD_OUT = 0.2  # Of the sample: what tells how far a cluster's images lie.


@dataclasses.dataclass(frozen=True)
class Clustered:
    """What `cluster` found.

    Attributes:
        table: pa.Table, a row a cluster, the largest first: id, name, images,
            born, parent.
        choice: choose.Choice; None: k was given, or is HDBSCAN's.
        matched: lasting.Matched, what became of the clusters before; None:
            there were none.
        kept: int, images that had an id before and have it still.
        changed: int, images that had an id before and have another one.
        went_on: bool, whether the fit went on from these clusters.
    """

    table: pa.Table
    choice: choose.Choice | None
    matched: lasting.Matched | None
    kept: int
    changed: int
    went_on: bool = False


def cluster(
    store,
    *,
    k=0,
    way="kmeans",
    dims=128,
    day="",
    seed=0,
    most=None,
    anew=False,
):
    """Clusters the live images of a store.

    Writes `cluster`, `distance` and `novelty` of the current encoder. Where
    that has no clusters yet, ids and names are those of the encoder before it,
    by the images that both have seen.

    k-means goes on from the whitening and the centroids of the fit before,
    where the current encoder has clusters of k-means, as many and of as many
    dimensions as are asked for. Then each cluster is its own heir, and an image
    that has an id keeps it.

    Args:
        store: Store, held by the caller.
        k: clusters; 0: as many as there are where the fit goes on, else the
            number that comes out again (choose.py).
        way: "kmeans"; "head", as head.clusters; "hdbscan", as density.fit.
        dims: d of the whitened space, at most.
        day: str, when new clusters are born.
        seed: int.
        most: clusters at most that are proposed, from nothing; None: as
            choose.ladder.
        anew: fit from nothing in any case.

    Returns:
        Clustered.

    Raises:
        InputError: too few images, or k with "hdbscan".
    """
    known = read(store)
    went_on = not anew and not most and _goes_on(known, k, way, dims)
    if went_on:
        k = len(known.clusters.ids)
    count = store.count()
    if count < 2 * max(k, 2):
        raise InputError(
            f"{store.path} has {counted(count, 'image')}, too few for "
            f"{max(k, 2)} clusters."
        )
    if way == "hdbscan" and k:
        raise InputError("HDBSCAN finds how many clusters there are: no k.")
    size = max(choose.MOST_ROWS, 2 * kmeans.enough(k))
    drawn, index = sample.draw(store.blocks, count, size, seed=seed)
    # Parts of it are taken from its beginning, and a store is in order of days.
    order = np.random.default_rng(seed).permutation(len(drawn))
    drawn, index = drawn[order], index[order]
    whitening = known.whitening if went_on else whiten.fit(drawn, dims)
    x = whitening.apply(drawn)
    del drawn
    choice = None
    if not k and way != "hdbscan":
        ladder = choose.ladder(len(x), most=most) if most else None
        choice = choose.choose(x, seed=seed, ks=ladder, progress=True)
        k = choice.k
    held = np.random.default_rng(seed).random(len(x)) < _HELD_OUT
    old, before = _before(store)
    if went_on:
        layer, rows = None, before.rows_of(old[index])
        centroids = kmeans.go_on(x[~held], before.centroids, rows[~held])
    else:
        layer, centroids = _fit(x[~held], k, way, seed)
    labels, distance = _labelled(store, count, whitening, layer, centroids)
    some = index[held]
    radii = radius.fit(distance[some], labels[some], len(centroids))
    matched = None
    if went_on:
        matched = lasting.same(before.ids, before.next_id)
    elif before is not None:
        matched = lasting.match(
            old,
            labels,
            ids=before.ids,
            k=len(centroids),
            next_id=before.next_id,
        )
    if matched is None:
        clusters = state.begin(centroids, radii, day)
        ids = labels
    else:
        clusters = state.renewed(before, matched, centroids, radii, day)
        ids = lasting.follow(old, labels, matched)
    novelty = radius.novelty(distance, labels, radii.thresholds)
    store.replace({"cluster": ids, "distance": distance, "novelty": novelty})
    # A day is compared with as many as may be, be they of the fit: how often a
    # young cluster had such images is told by few. Drift is told by the others.
    reference, fitted = x[:REFERENCE], x[held][:FITTED]
    space = Space(whitening, clusters, reference, fitted, way, dims, layer)
    write(store, space)
    had = old >= 0
    return Clustered(
        table=sizes(clusters, ids),
        choice=choice,
        matched=matched,
        kept=int((had & (ids == old)).sum()),
        changed=int((had & (ids != old)).sum()),
        went_on=went_on,
    )


def sizes(clusters, ids):
    """A row a cluster, the largest first.

    Args:
        clusters: state.Clusters.
        ids: int [m], of the images.

    Returns:
        pa.Table: id, name, images, born, parent (null: none).
    """
    rows = clusters.rows_of(ids)
    images = np.bincount(rows[rows >= 0], minlength=len(clusters.ids))
    parent = pa.array(clusters.parent, mask=clusters.parent < 0)
    found = pa.table(
        {
            "id": clusters.ids,
            "name": clusters.names,
            "images": images,
            "born": clusters.born,
            "parent": parent,
        }
    )
    return found.sort_by([("images", "descending"), ("id", "ascending")])


def _goes_on(known, k, way, dims):
    """Whether a fit goes on from a Space, or None, that is there."""
    return (
        known is not None
        and known.way == way == "kmeans"
        and known.dims == dims
        and k in (0, len(known.clusters.ids))
    )


def _fit(fitted, k, way, seed):
    """(head.Head, or None: the nearest centroid's; float32 [k, d])."""
    if way == "hdbscan":
        return None, density.fit(fitted[: density.MOST_ROWS])[1]
    if way == "kmeans":
        return None, kmeans.fit(fitted[: kmeans.enough(k)], k, seed=seed)
    return head.clusters(fitted[: head.MOST_ROWS], k, seed=seed)


def _labelled(store, count, whitening, layer, centroids):
    """(int32 [m] labels, float32 [m] distance to the label's centroid)."""
    labels = np.empty(count, np.int32)
    distance = np.empty(count, np.float32)
    start = 0
    with progress_bar(total=count, desc="Clusters", unit="img") as bar:
        for block in store.blocks():
            part = slice(start, start + len(block))
            rows = whitening.apply(block)
            found = kmeans.nearest(rows, centroids)
            if layer is not None:
                found = head.place(rows, centroids, found[0], layer)
            labels[part], distance[part] = found
            start += len(block)
            bar.update(len(block))
    return labels, distance


def _before(store):
    """(int32 [m], ids of the images before, -1: none; their Clusters or None).

    Of the current encoder, or of the last one before it that has clusters.
    """
    for encoder in reversed(store.encoders[: store.current.number]):
        space = read(store, encoder)
        if space is not None:
            column = encoder.column("cluster")
            ids = store.column(column)
            filled = ids.fill_null(state.NONE)
            return filled.to_numpy().astype(np.int32), space.clusters
    return np.full(store.count(), state.NONE, np.int32), None


def name(store, path):
    """Gives clusters names.

    Args:
        store: Store, held by the caller.
        path: a table (storage/text_table.py) with columns id and name.

    Returns:
        Clustered, with nothing but the table.

    Raises:
        InputError: no clusters yet, no such file, or an id that none has.
    """
    space = read(store)
    if space is None:
        raise no_clusters(store.path)
    names = list(space.clusters.names)
    for number, text in _names(path).items():
        (row,) = space.clusters.rows_of([number])
        if row == state.NONE:
            raise InputError(f"{path}: no cluster has the id {number}.")
        names[row] = text
    clusters = dataclasses.replace(space.clusters, names=names)
    write(store, dataclasses.replace(space, clusters=clusters))
    ids = store.read(["cluster"])["cluster"].fill_null(state.NONE).to_numpy()
    return Clustered(sizes(clusters, ids), None, None, len(ids), 0)


def _names(path):
    """dict of id -> name."""
    rows = []
    for number, text in two_columns(path, "id", "name"):
        if not number.strip().isdecimal():
            raise InputError(f"{path}: {number!r} is no number of a cluster.")
        rows.append((int(number), text.strip()))
    if not rows:
        raise InputError(f"{path} names nothing.")
    names = dict(rows)
    for number, text in rows:
        if names[number] != text:
            raise InputError(
                f"{path} names the cluster {number} twice: {text!r} and "
                f"{names[number]!r}."
            )
    return names
