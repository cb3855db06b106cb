"""A whitened space and its clusters, as a store keeps them: a small table.

All of it is one row, so that one version of the table is one fit.

Letters: k = clusters, d = dimensions, f = features, r = rows of the reference.
"""

import dataclasses
import shlex

import numpy as np
import pyarrow as pa

from simclr.explore.clusters.head import Head
from simclr.explore.clusters.state import Clusters
from simclr.explore.clusters.whiten import Whitening
from simclr.explore.store.place import side
from simclr.messages.errors import InputError

_NAME = "clusters"
_FLOATS = pa.list_(pa.float32())
_CLUSTER = pa.struct(
    [
        ("id", pa.int32()),
        ("name", pa.string()),
        ("born", pa.string()),
        ("parent", pa.int32()),
        ("threshold", pa.float32()),
        ("radii", _FLOATS),
        ("centroid", _FLOATS),
    ]
)
_HEAD = pa.struct(
    [
        ("kernel", pa.list_(_FLOATS)),
        ("bias", _FLOATS),
        ("loss", pa.float32()),
    ]
)
_KINDS = pa.schema(
    [
        ("mean", _FLOATS),
        ("axes", pa.list_(_FLOATS)),
        ("reference", pa.binary()),  # float16 [r, d], row by row.
        ("fitted", pa.binary()),
        ("next_id", pa.int32()),
        ("clusters", pa.list_(_CLUSTER)),
        ("way", pa.string()),
        ("dims", pa.int32()),
        ("head", _HEAD),
    ]
)


REFERENCE, FITTED = 40_000, 10_000  # r and r' at most.


@dataclasses.dataclass(frozen=True)
class Space:
    """Where clusters are.

    Attributes:
        whitening: Whitening of f features to d dimensions.
        clusters: state.Clusters [k].
        reference: float16 [r, d], a sample of the whitened images so far: what
            a day is compared with, without a look at them all.
        fitted: float16 [r', d], the reference as it was when the clusters were
            fitted: what drift is told from.
        way: str, how they were fitted: kmeans, head or hdbscan.
        dims: int, what d was asked for; d is less where rows span less.
        head: Head that says which cluster a whitened row is in, of the first
            clusters, which are its own; None: the nearest.
    """

    whitening: Whitening
    clusters: Clusters
    reference: np.ndarray
    fitted: np.ndarray
    way: str
    dims: int
    head: Head | None


def write(store, space):
    """Keeps a Space as the current encoder's."""
    found = space.clusters
    rows = [
        {
            "id": int(found.ids[i]),
            "name": found.names[i],
            "born": found.born[i],
            "parent": int(found.parent[i]),
            "threshold": float(found.thresholds[i]),
            "radii": found.radii[i].tolist(),
            "centroid": found.centroids[i].tolist(),
        }
        for i in range(len(found.ids))
    ]
    row = {
        "mean": space.whitening.mean.tolist(),
        "axes": space.whitening.axes.tolist(),
        "reference": _bytes(space.reference),
        "fitted": _bytes(space.fitted),
        "next_id": found.next_id,
        "clusters": rows,
        "way": space.way,
        "dims": space.dims,
    }
    if space.head:
        row["head"] = {
            "kernel": space.head.kernel.tolist(),
            "bias": space.head.bias.tolist(),
            "loss": space.head.loss,
        }
    store.put(store.current.column(_NAME), pa.Table.from_pylist([row], _KINDS))


def read(store, encoder=None):
    """The Space of an encoder; None where it has no clusters.

    Args:
        store: Store.
        encoder: schema.Encoder; None: the current one.

    Raises:
        InputError: another version of this program wrote the clusters.
    """
    name = (encoder or store.current).column(_NAME)
    table = store.get(name)
    if table is None:
        return None
    if not table.schema.equals(_KINDS):
        raise InputError(
            f"Another version of simclr wrote the clusters of {store.path}: "
            f"move {side(store.path, name)} away, and cluster again."
        )
    (row,) = table.to_pylist()
    rows = row["clusters"]
    whitening = Whitening(
        np.array(row["mean"], np.float32), np.array(row["axes"], np.float32)
    )

    def column(name, kind):
        return np.array([r[name] for r in rows], kind)

    return Space(
        whitening,
        Clusters(
            ids=column("id", np.int32),
            centroids=column("centroid", np.float32),
            radii=column("radii", np.float32),
            thresholds=column("threshold", np.float32),
            names=[r["name"] for r in rows],
            born=[r["born"] for r in rows],
            parent=column("parent", np.int32),
            next_id=row["next_id"],
        ),
        *(_rows(row[name], whitening) for name in ("reference", "fitted")),
        way=row["way"],
        dims=row["dims"],
        head=row["head"] and _head(**row["head"]),
    )


def kept_names(store, cells):
    """Which names of clusters nobody would miss in a file.

    Args:
        store: Store.
        cells: list of (id, name), both str.

    Returns:
        set of those that clusters of any encoder have, or whose cluster died.
    """
    named = {}
    for encoder in store.encoders:
        if space := read(store, encoder):
            for number, name in zip(space.clusters.ids, space.clusters.names):
                named.setdefault(str(number), set()).add(name)
    if not named:  # No cluster died: there are none yet, or no more.
        return set()
    return {c for c in cells if c[0] not in named or c[1] in named[c[0]]}


def _head(kernel, bias, loss):
    return Head(np.array(kernel, np.float32), np.array(bias, np.float32), loss)


def _bytes(rows):
    return rows.astype(np.float16).tobytes()


def _rows(data, whitening):
    width = whitening.axes.shape[1]
    return np.frombuffer(data, np.float16).reshape(-1, width)


def no_clusters(path):
    """What is said of a store that has none: an InputError."""
    command = f"simclr cluster {shlex.quote(path)}"
    return InputError(f"{path} has no clusters yet: `{command}` finds them.")
