"""Candidates of new clusters: groups of a day that days before hardly had.

Letters: n = rows of the day, r = rows of the reference, d = dimensions, k =
known clusters, j = candidates, s = rows of a sample.
"""

import itertools

import faiss
import numpy as np
from scipy import stats

from simclr.explore.clusters import kmeans, radius
from simclr.explore.clusters.state import NONE
from simclr.messages.errors import InputError

LEAST_ROWS = 20
LEAST_NEW = 0.5
# Rows that are compared with their neighbours, and neighbours among so many
# known rows: 20,000 x 60,000 distances are a second or two.
_OF_DAY, _OF_REFERENCE = 20_000, 40_000
_NEIGHBOURS, _CHANCE = (10, 20, 40), 0.005
_GROUPED = 8192  # A table of who is near whom takes 64 MiB.
_SURE = 4  # Deviations: some tens of groups are judged on some hundred days.
_SHIFTS, _TURNS = 20, 5


def find(
    rows,
    row,
    distance,
    reference,
    clusters,
    *,
    seed,
    least_rows=LEAST_ROWS,
    least_new=LEAST_NEW,
):
    """Centroids of new clusters.

    A new class need not lie beyond the radius of a known cluster: features
    that were trained without it often put it inside one, but in a place where
    hardly any known row is. So rows are looked at that are novel, or that are
    `crowded` by rows of the day. Of one half of the day these are grouped, and
    each group's centroid settles among the known ones, which stay. What it
    takes of the other half is compared with what it takes of the reference,
    cluster by cluster: of N rows of the day and R of the reference in a known
    cluster it takes T and Q, and so, as N - T rows stay where R - Q do,
    (N - T) Q / (R - Q) of the T are to be expected. A candidate stays if
    enough of its rows are more than that: a known cluster that has more rows
    today than it used to have is none. Many copies of one image are one, so
    remove duplicates before.

    Args:
        rows: float [n, d], whitened.
        row: int [n], their nearest known clusters, rows of `clusters`.
        distance: float32 [n], to these.
        reference: float [r, d], a sample of rows of the days before.
        clusters: state.Clusters, one at least.
        seed: int.
        least_rows: of a new cluster that are not expected, 2 or more.
        least_new: their share in the cluster.

    Returns:
        float32 [j, d], the largest first.

    Raises:
        InputError: no known cluster, no reference, least_rows < 2, or
            least_new outside (0, 1].
    """
    k = len(clusters.ids)
    if k == 0 or len(reference) == 0:
        raise InputError(
            f"Beside {k} known clusters and {len(reference)} known rows "
            "nothing is new."
        )
    if least_rows < 2 or not 0 < least_new <= 1:
        raise InputError(
            f"A cluster of {least_rows} rows and a share of {least_new} of new "
            "ones cannot be asked for: from 2 rows, in (0, 1]."
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    known = rng.permutation(len(reference))[:_OF_REFERENCE]
    known = np.asarray(reference[np.sort(known)], np.float32)
    known_row, known_distance = kmeans.nearest(known, clusters.centroids)
    # Known rows may have made their centroid; those of the day have not.
    known_distance = radius.held_out(known_distance, known_row)
    looked = radius.novelty(distance, row, clusters.thresholds) > 1
    rows = np.asarray(rows, np.float32)
    part = order[:_OF_DAY]
    looked[part] |= crowded(rows[part], row[part], known, known_row, k)

    half = np.zeros(len(rows), bool)  # Made of one half, judged by the other.
    half[order[: len(rows) // 2]] = True
    grouped = order[half[order] & looked[order]]
    # Half of a half: not all rows of a new class are looked at.
    least = least_rows / 4 * min(1, _GROUPED / max(1, len(grouped)))
    start = rows[np.sort(grouped[:_GROUPED])]
    middle = float(np.median(clusters.radii[:, 0]))
    wide = float(np.median(clusters.thresholds))
    found = groups(start, middle, wide, max(2, least))
    centroids = np.array([*found], np.float32)
    centroids = centroids.reshape(-1, rows.shape[1])

    fitted, judged = (
        (rows[own], row[own], distance[own]) for own in (half, ~half)
    )
    centroids = _standing(
        fitted,
        judged,
        (known, known_row, known_distance),
        centroids,
        k,
        least_rows / 2,
        least_new,
    )
    centroids = _joined(fitted[0], fitted[2], centroids, middle)
    centroids = _settled(rows, distance, centroids)
    label = _labels(rows, distance, centroids)
    size = np.bincount(label[label != NONE], minlength=len(centroids))
    return centroids[np.argsort(-size, kind="stable")]


def crowded(rows, row, reference, reference_row, k):
    """Whether rows of the same day are unexpectedly many round a row.

    Of its nearest neighbours so many are of the day, not of the reference, as
    in 1 of 200 cases at most, if each were of the day with the probability
    that rows of its known cluster have (Schilling 1986, neighbour by
    neighbour). Ten show a small group, forty one that fills a known cluster.

    Args:
        rows: float [n, d].
        row: int [n] in [0, k), known clusters.
        reference: float32 [r, d].
        reference_row: int [r] in [0, k).
        k: known clusters.

    Returns:
        bool [n].
    """
    found = np.zeros(len(rows), bool)
    pool = np.concatenate([np.asarray(rows, np.float32), reference])
    most = min(_NEIGHBOURS[-1], len(pool) - 1)
    if len(rows) == 0 or most < 1:
        return found
    _, index = faiss.knn(pool[: len(rows)], pool, most + 1)
    of_day = np.cumsum(index < len(rows), axis=1) - 1  # Without itself.
    here = np.bincount(row, minlength=k)
    before = np.bincount(reference_row, minlength=k)
    probability = (here / np.maximum(here + before, 1))[row]
    for count in _NEIGHBOURS:
        count = min(count, most)
        by_chance = stats.binom.sf(of_day[:, count] - 1, count, probability)
        found |= by_chance < _CHANCE
    return found


def expected(taken, known_taken, here, before):
    """How many rows candidates would take if the day were as days before.

    Args:
        taken: int [k, j], T, rows of the day that candidates take of clusters.
        known_taken: int [k, j], Q, rows of the reference.
        here: int [k], N, rows of the day in the clusters.
        before: int [k], R, rows of the reference.

    Returns:
        mean: float [j], the sum over clusters of (N - T) Q / (R - Q), with 1
            added to both differences: a cluster may be taken whole, or have
            no known rows.
        deviation: float [j], of the rows that are taken from that, where both
            they and those of the reference are by chance (Poisson).
    """
    stays = here - taken.sum(axis=1) + 1
    stayed = before - known_taken.sum(axis=1) + 1
    share = (stays / stayed)[:, None]
    mean = (share * known_taken).sum(axis=0)
    return mean, np.sqrt(mean + (share**2 * known_taken).sum(axis=0))


def groups(rows, narrow, wide, least):
    """Means of dense groups, the densest start first.

    The row with most others within sqrt(2) `narrow` starts a group: two rows
    at `narrow` from a centroid, in directions of their own, are so far apart.
    The group is what lies within `narrow` of its mean, in turns until it is
    settled (mean shift with a flat kernel, Fukunaga and Hostetler 1975). What
    lies within `wide` of it is taken away, and the next one starts.

    Args:
        rows: float32 [s, d].
        narrow: float, distance from a centroid that half of its rows have.
        wide: float, distance from a centroid that hardly a row has.
        least: rows within `narrow`.

    Yields:
        float32 [d].
    """
    left = np.ones(len(rows), bool)
    near = _near(rows, np.sqrt(2) * narrow)
    count = near.sum(axis=1)
    while left.any():
        first = np.where(left, count, -1).argmax()
        if count[first] < least:
            return
        inside = near[first] & left
        for _ in range(_SHIFTS):
            centre = rows[inside].mean(axis=0)
            distance = np.linalg.norm(rows - centre, axis=1)
            again = left & (distance <= narrow)
            if not again.any() or np.array_equal(again, inside):
                break
            inside = again
        if inside.sum() >= least:
            yield centre
        inside = left & (distance <= wide)
        inside[first] = True
        left &= ~inside
        count -= near[:, inside].sum(axis=1)


def _near(rows, distance):
    """bool [s, s], whether two rows are at most so far apart."""
    square = np.einsum("sd,sd->s", rows, rows)
    table = rows @ rows.T
    table *= -2
    table += square
    table += square[:, None]
    return table <= distance**2


def _standing(fitted, judged, known, centroids, k, least_rows, least_new):
    """The candidates that hold enough rows that are not expected, settled.

    Of the half that moves them, of that which judges, and of the reference:
    rows, known clusters, distances.
    """
    here = np.bincount(judged[1], minlength=k)
    before = np.bincount(known[1], minlength=k)
    while len(centroids):
        centroids = _settled(fitted[0], fitted[2], centroids)
        of_day = _taken(*judged, centroids, k)
        of_known = _taken(*known, centroids, k)
        mean, deviation = expected(of_day, of_known, here, before)
        taken = of_day.sum(axis=0)
        good = taken - mean >= np.maximum(least_rows, _SURE * deviation)
        good &= taken - mean >= least_new * taken
        if good.all():
            break
        centroids = centroids[good]
    return centroids


def _settled(rows, distance, centroids):
    """Candidates after some turns of k-means in which known centroids stay."""
    for _ in range(_TURNS):
        label = _labels(rows, distance, centroids)
        centroids = centroids.copy()
        for i in np.unique(label[label != NONE]):
            centroids[i] = rows[label == i].mean(axis=0)
    return centroids


def _joined(rows, distance, centroids, middle):
    """Joins candidates that together are as compact as the known clusters."""
    while True:
        label, best = _labels(rows, distance, centroids), None
        for i, j in itertools.combinations(range(len(centroids)), 2):
            if np.linalg.norm(centroids[i] - centroids[j]) > middle:
                continue
            both = rows[(label == i) | (label == j)]
            centre = both.mean(axis=0)
            width = np.median(np.linalg.norm(both - centre, axis=1))
            if width <= middle and (best is None or width < best[0]):
                best = width, centre, [i, j]
        if best is None:
            return centroids
        _, centre, pair = best
        others = np.delete(centroids, pair, axis=0)
        centroids = np.concatenate([others, centre[None]])


def _labels(rows, distance, centroids):
    """int32 [n], the nearest candidate; -1 where a known centroid is nearer."""
    if len(centroids) == 0:
        return np.full(len(rows), NONE, np.int32)
    label, far = kmeans.nearest(rows, centroids)
    return np.where(far < distance, label, NONE)


def _taken(rows, row, distance, centroids, k):
    """int [k, j], rows that candidates take of known clusters."""
    label = _labels(rows, distance, centroids)
    own, j = label != NONE, len(centroids)
    return np.bincount(row[own] * j + label[own], None, k * j).reshape(k, j)
