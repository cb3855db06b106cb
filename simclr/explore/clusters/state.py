"""The clusters of a store, as they are kept from day to day.

Letters: k = clusters, d = dimensions.
"""

import dataclasses

import numpy as np

from simclr.messages.errors import InputError

NONE = -1  # The id of no cluster.


@dataclasses.dataclass(frozen=True)
class Clusters:
    """One row a cluster; made by `begin`, `grown` and `renewed`.

    Attributes:
        ids: int32 [k], from 0 on; an id is never used again.
        centroids: float32 [k, d], in whitened space.
        radii: float32 [k, 3], quantiles of the distance at radius.LEVELS.
        thresholds: float32 [k], distances beyond which a row is new.
        names: list of k str; "": not named yet.
        born: list of k str, the day of each.
        parent: int32 [k], the id that it was split from; -1: none.
        next_id: int, larger than all ids that there ever were.
    """

    ids: np.ndarray
    centroids: np.ndarray
    radii: np.ndarray
    thresholds: np.ndarray
    names: list
    born: list
    parent: np.ndarray
    next_id: int

    def __post_init__(self):
        k = len(self.ids)
        for field in dataclasses.fields(self)[1:-1]:
            if len(getattr(self, field.name)) != k:
                raise InputError(
                    f"{k} clusters have {len(getattr(self, field.name))} "
                    f"{field.name}."
                )
        if len(np.unique(self.ids)) != k or np.any(self.ids >= self.next_id):
            raise InputError(
                f"The ids {self.ids.tolist()} of clusters are not different "
                f"ones below {self.next_id}."
            )

    def rows_of(self, ids):
        """Which rows these are.

        Args:
            ids: int [n].

        Returns:
            int64 [n]; -1 where no cluster has the id.
        """
        if len(self.ids) == 0:
            return np.full(len(ids), NONE, np.int64)
        order = np.argsort(self.ids)
        place = np.searchsorted(self.ids, ids, sorter=order)
        row = order[np.minimum(place, len(order) - 1)]
        return np.where(self.ids[row] == ids, row, NONE)


def begin(centroids, radii, day):
    """The first clusters of a store, ids 0 to k - 1.

    Args:
        centroids: float32 [k, d].
        radii: radius.Radii.
        day: str.

    Returns:
        Clusters.
    """
    width = centroids.shape[1]
    none = Clusters(
        ids=np.zeros(0, np.int32),
        centroids=np.zeros([0, width], np.float32),
        radii=np.zeros([0, radii.quantiles.shape[1]], np.float32),
        thresholds=np.zeros(0, np.float32),
        names=[],
        born=[],
        parent=np.zeros(0, np.int32),
        next_id=0,
    )
    return grown(none, centroids, radii, day)


def grown(clusters, centroids, radii, day):
    """With new clusters after the old ones, which stay as they are.

    Args:
        clusters: Clusters.
        centroids: float32 [j, d], of the new ones.
        radii: radius.Radii of the new ones.
        day: str, when they were born.

    Returns:
        Clusters [k + j].
    """
    count = len(centroids)
    ids = np.arange(clusters.next_id, clusters.next_id + count, dtype=np.int32)
    return Clusters(
        ids=np.concatenate([clusters.ids, ids]),
        centroids=np.concatenate([clusters.centroids, centroids]),
        radii=np.concatenate([clusters.radii, radii.quantiles]),
        thresholds=np.concatenate([clusters.thresholds, radii.thresholds]),
        names=[*clusters.names, *[""] * count],
        born=[*clusters.born, *[day] * count],
        parent=np.concatenate(
            [clusters.parent, np.full(count, NONE, np.int32)]
        ),
        next_id=clusters.next_id + count,
    )


def renewed(clusters, matched, centroids, radii, day):
    """The clusters of a new fit; those that last keep name and birthday.

    Args:
        clusters: Clusters, the old ones.
        matched: lasting.Matched of the old ids and the new labels.
        centroids: float32 [k', d], of the new labels.
        radii: radius.Radii of the new labels.
        day: str, of the fit.

    Returns:
        Clusters [k'], in the order of the new labels.
    """
    old = clusters.rows_of(matched.ids)
    lasts = old != NONE
    return Clusters(
        ids=matched.ids,
        centroids=centroids,
        radii=radii.quantiles,
        thresholds=radii.thresholds,
        names=[clusters.names[r] if r != NONE else "" for r in old],
        born=[clusters.born[r] if r != NONE else day for r in old],
        parent=np.where(
            lasts, clusters.parent[np.maximum(old, 0)], matched.parents
        ).astype(np.int32),
        next_id=matched.next_id,
    )
