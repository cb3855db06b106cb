"""How far a row may lie from its centroid, and when it is new.

Letters: n = rows, k = clusters, q = levels of quantiles.
"""

import dataclasses

import numpy as np

from simclr.messages.errors import InputError

LEVELS = 0.5, 0.9, 0.99  # Of the quantiles that are kept of a cluster.
FALSE_ALARMS = 0.01
# Rows that weigh as much as all clusters together: for the scale of a cluster,
# and beyond a level for the quantile at it.
_OF_SCALE, _BEYOND = 10, 10
_SMALLEST = 1e-6  # A cluster of equal rows has no radius to divide by.


@dataclasses.dataclass(frozen=True)
class Radii:
    """Distances of the rows of each cluster.

    Attributes:
        quantiles: float32 [k, 3], at LEVELS.
        thresholds: float32 [k]; a row beyond is new.
    """

    quantiles: np.ndarray
    thresholds: np.ndarray


def fit(distance, cluster, k, *, false_alarms=FALSE_ALARMS, known=None):
    """Quantiles of the distance in each cluster, and its threshold.

    A cluster of few rows has no tail of its own, so each is shrunk towards all
    of them, in two parts: the scale, which few rows tell, and the shape, which
    they do not. With m rows in a cluster, p the level, and M and R(p) what all
    rows say:

        scale = (m median + 10 M) / (m + 10)
        r(p)  = the quantile of distance / scale, in the cluster
        R(p)  = the same over the rows of all clusters, each by its scale
        w     = m / (m + 10 / (1 - p))
        quantile(p) = scale (w r(p) + (1 - w) R(p))

    The threshold is the quantile at 1 - false_alarms: at 1 % half of its shape
    is the cluster's own from 1,000 rows on.

    Args:
        distance: float [n], of rows that the centroids were not fitted to;
            those of the fit lie nearer.
        cluster: int [n] in [0, k).
        k: clusters; one without rows is as all are.
        false_alarms: share of a cluster's rows beyond its threshold.
        known: Radii of other clusters, whose medians take the place of M and
            R(p); None: the rows themselves.

    Returns:
        Radii.

    Raises:
        InputError: false_alarms outside (0, 1), no row, or a cluster outside
            [0, k).
    """
    distance, cluster = np.asarray(distance, np.float64), np.asarray(cluster)
    if not 0 < false_alarms < 1:
        raise InputError(
            f"The share of false alarms is {false_alarms}; it must be between "
            "0 and 1."
        )
    if len(distance) == 0 or cluster.min() < 0 or cluster.max() >= k:
        raise InputError(
            f"{len(distance)} distances are not of clusters 0 to {k - 1}."
        )
    levels = np.array([*LEVELS, 1 - false_alarms])
    rows = np.bincount(cluster, minlength=k)[:, None]  # [k, 1]
    if known is None:
        middle = np.median(distance)
    else:
        middle = np.median(known.quantiles[:, 0])
    own = _quantiles(distance, cluster, k, [0.5])
    scale = (rows * own + _OF_SCALE * middle) / (rows + _OF_SCALE)
    scale = np.maximum(scale, _SMALLEST)
    shape = distance / scale[cluster, 0]
    if known is None:
        every = np.quantile(shape, levels)
    else:
        tails = np.column_stack([known.quantiles, known.thresholds])
        every = np.median(tails / known.quantiles[:, :1], axis=0)
    weight = rows / (rows + _BEYOND / (1 - levels))  # [k, q]
    own = _quantiles(shape, cluster, k, levels)
    found = np.maximum(scale * (weight * own + (1 - weight) * every), _SMALLEST)
    found = found.astype(np.float32)
    return Radii(found[:, :-1], found[:, -1])


def novelty(distance, cluster, thresholds):
    """distance / threshold of the row's cluster: above 1 a row is new.

    Args:
        distance: float [n].
        cluster: int [n], rows of `thresholds`.
        thresholds: float32 [k].

    Returns:
        float32 [n].
    """
    return (np.asarray(distance) / thresholds[cluster]).astype(np.float32)


def held_out(distance, cluster):
    """Distances as rows have them that took no part in the centroids.

    Of m rows that spread by v round their place, each lies v (1 - 1 / m) from
    the mean of all m, squared, and any other row v (1 + 1 / m).

    Args:
        distance: float [n], to the means of their clusters.
        cluster: int [n], from 0 on.

    Returns:
        float [n].
    """
    rows = np.maximum(np.bincount(cluster)[cluster], 2)
    return distance * np.sqrt((rows + 1) / (rows - 1))


def _quantiles(values, cluster, k, levels):
    """Quantiles in each cluster, float64 [k, q]; 0 in one without rows."""
    order = np.lexsort((values, cluster))
    values = values[order]
    rows = np.bincount(cluster, minlength=k)
    first = np.cumsum(rows) - rows
    place = np.maximum(rows - 1, 0)[:, None] * np.asarray(levels)  # [k, q]
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(rows - 1, 0)[:, None])
    inside = np.minimum(first, len(values) - 1)[:, None]
    last = len(values) - 1  # Where the last clusters are empty.
    below = values[np.minimum(inside + low, last)]
    above = values[np.minimum(inside + high, last)]
    found = below + (place - low) * (above - below)
    return np.where(rows[:, None] > 0, found, 0.0)
