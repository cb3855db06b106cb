"""A map that stays: where an image lies is a function of its vector.

Some images, the landmarks, are laid out once. Every image lies at the weighted
mean of the landmarks nearest to it, a landmark at its own place. So an image of
tomorrow moves nothing that is there today.

Letters: n = rows, f = features, d = dimensions, l = landmarks.
"""

import dataclasses

import faiss
import numpy as np
import pyarrow as pa

from simclr.explore.clusters import sample, whiten
from simclr.explore.page import pacmap

MOST_LANDMARKS = 20_000
_NAME = "map"
_DIMS = 64
_NEAREST, _POWER = 4, 4  # Landmarks that an image lies between; of distances.
_MARGIN = 0.02  # Of the plane, which no landmark reaches.
_FLOATS = pa.list_(pa.float32())
_KINDS = pa.schema(
    [
        ("mean", _FLOATS),
        ("axes", pa.list_(_FLOATS)),
        ("landmarks", pa.binary()),  # float16 [l, d], row by row.
        ("places", pa.binary()),  # float32 [l, 2].
    ]
)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where images lie on the map.

    Attributes:
        whitening: Whitening of f features to d dimensions.
        landmarks: float16 [l, d], whitened.
        places: float32 [l, 2], each in [0, 1].
    """

    whitening: whiten.Whitening
    landmarks: np.ndarray
    places: np.ndarray

    def place(self, x):
        """Places whitened rows.

        Args:
            x: float [n, d].

        Returns:
            float32 [n, 2], each in [0, 1].
        """
        k = min(_NEAREST, len(self.landmarks))
        squared, near = faiss.knn(
            np.ascontiguousarray(x, np.float32),
            np.ascontiguousarray(self.landmarks, np.float32),
            k,
        )
        distance = np.sqrt(np.maximum(squared, 1e-9))
        # Relative to the nearest: at a landmark all others weigh nothing.
        weight = (distance[:, :1] / distance) ** _POWER  # [n, k]
        weight /= weight.sum(1, keepdims=True)
        return np.einsum("nk,nkc->nc", weight, self.places[near])


def fit(store, *, seed=0):
    """Lays out the live images of a store, at most 20,000 of them.

    Args:
        store: Store.
        seed: int, of the landmarks and of the fit.

    Returns:
        Layout.

    Raises:
        InputError: fewer than two images, or all are alike.
    """
    count = store.count()
    rows, _ = sample.draw(store.blocks, count, MOST_LANDMARKS, seed=seed)
    whitening = whiten.fit(rows, _DIMS)
    # As they are kept, so that a landmark is nearest to itself.
    x = whitening.apply(rows).astype(np.float16)
    places = pacmap.fit(x.astype(np.float32), seed=seed)
    low, high = places.min(0), places.max(0)
    side = max(float((high - low).max()), 1e-12)
    centred = (places - (low + high) / 2) / side
    return Layout(whitening, x, 0.5 + (1 - 2 * _MARGIN) * centred)


def is_small(store, layout):
    """Whether a store has outgrown its map: a new one would show more."""
    fitted = len(layout.landmarks)
    return fitted < MOST_LANDMARKS and store.count() > 4 * fitted


def write(store, layout):
    """Keeps a Layout as the current encoder's; the store is held."""
    row = {
        "mean": layout.whitening.mean.tolist(),
        "axes": layout.whitening.axes.tolist(),
        "landmarks": layout.landmarks.astype(np.float16).tobytes(),
        "places": layout.places.astype(np.float32).tobytes(),
    }
    store.put(store.current.column(_NAME), pa.Table.from_pylist([row], _KINDS))


def read(store):
    """The current encoder's Layout; None: there is none yet."""
    table = store.get(store.current.column(_NAME))
    if table is None:
        return None
    (row,) = table.to_pylist()
    axes = np.array(row["axes"], np.float32)
    return Layout(
        whiten.Whitening(np.array(row["mean"], np.float32), axes),
        np.frombuffer(row["landmarks"], np.float16).reshape(-1, axes.shape[1]),
        np.frombuffer(row["places"], np.float32).reshape(-1, 2),
    )
