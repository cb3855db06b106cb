"""A day: its rows go to known clusters, or make new ones.

Letters: n = rows of the day, r = rows of the reference, d = dimensions, k =
clusters.
"""

import dataclasses

import numpy as np

from simclr.executors import HERE
from simclr.explore.clusters import candidates, head, kmeans, radius, state


@dataclasses.dataclass(frozen=True)
class Day:
    """What became of a day's rows.

    Attributes:
        cluster: int32 [n], ids.
        distance: float32 [n], to that cluster's centroid.
        novelty: float32 [n], by the clusters known before; above 1 it is new.
        born: tuple of the ids of new clusters, the largest first.
        clusters: state.Clusters, the old ones as they were, and the new ones.
    """

    cluster: np.ndarray
    distance: np.ndarray
    novelty: np.ndarray
    born: tuple
    clusters: state.Clusters


def one_day(
    clusters,
    rows,
    reference,
    *,
    day,
    seed,
    layer=None,
    least_rows=candidates.LEAST_ROWS,
    false_alarms=radius.FALSE_ALARMS,
    executor=HERE,
):
    """Assigns the rows of a day, and adds the clusters that are new in them.

    No old row is looked at but those of the reference, so none changes its id;
    the same rows and seed give the same day.

    Args:
        clusters: state.Clusters.
        rows: float [n, d], whitened.
        reference: float [r, d], whitened, a sample of the days before; some
            tens of thousands are enough.
        day: str, such as 2026-11-28.
        seed: int.
        layer: head.Head that the clusters are of, as head.place; new ones are
            found by the nearest centroids all the same.
        least_rows: of a new cluster.
        false_alarms: share of a new cluster's rows beyond its threshold.
        executor: computes the nearest clusters of blocks of rows.

    Returns:
        Day.

    Raises:
        InputError: as candidates.find.
    """
    row, nearest = kmeans.nearest(rows, clusters.centroids, executor)
    centroids = candidates.find(
        rows,
        row,
        nearest,
        reference,
        clusters,
        seed=seed,
        least_rows=least_rows,
    )
    distance = nearest
    if layer is not None:
        row, distance = head.place(rows, clusters.centroids, row, layer)
    novelty = radius.novelty(distance, row, clusters.thresholds)
    k = len(clusters.ids)
    if len(centroids):
        new, far = kmeans.nearest(rows, centroids)
        own = far < nearest
        row, distance = (
            np.where(own, new + k, row),
            np.where(own, far, distance),
        )
        radii = radius.fit(
            radius.held_out(far[own], new[own]),
            new[own],
            len(centroids),
            false_alarms=false_alarms,
            known=radius.Radii(clusters.radii, clusters.thresholds),
        )
        clusters = state.grown(clusters, centroids, radii, day)
    return Day(
        cluster=clusters.ids[row],
        distance=distance,
        novelty=novelty,
        born=tuple(clusters.ids[k:].tolist()),
        clusters=clusters,
    )
