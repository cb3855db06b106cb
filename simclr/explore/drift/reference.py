"""What a day is compared with: images that an encoder is known to serve.

Letters: r = rows of the reference, n = rows of a day, d = dimensions, k =
clusters; z = (row - centroid) / the cluster's threshold: a row is novel where
|z| > 1.
"""

import dataclasses

import numpy as np
from scipy import stats

from simclr.explore.clusters import kmeans, radius
from simclr.explore.drift.differences import (
    discrepancies,
    discrepancy,
    divergence,
    kernel,
    squares,
)
from simclr.messages.errors import InputError

NOVEL, MIX, FEATURES = "novel images", "mix of clusters", "features"
# A difference that a thousand images do not show is no reason to train again:
# of very many images any two sources differ by more than chance.
MOST = 1000
LEAST = 200  # Rows of a reference.
# One false alarm of each sign in a thousand days.
_PARTS, _LEVEL = 1000, 0.999
# A day must be large enough to show, nine times in ten, that a tenth of its
# images are novel.
_SHARE, _POWER = 0.1, 0.9


@dataclasses.dataclass(frozen=True)
class Reference:
    """The reference; `fit` makes it.

    Attributes:
        centroids: float32 [k, d].
        thresholds: float32 [k].
        counts: int64 [k], rows of the reference in each cluster.
        expected: float, the share of novel images without any drift.
        sample: float32 [2 MOST or r, d], z of rows drawn from the reference.
        scale: float, of the kernel: the median of |z - z'|^2.
        allowed: dict of sign -> float, how far the reference's own days went
            beyond chance.
        seed: int.
    """

    centroids: np.ndarray
    thresholds: np.ndarray
    counts: np.ndarray
    expected: float
    sample: np.ndarray
    scale: float
    allowed: dict
    seed: int

    def scaled(self, rows):
        """z, float32 [n, d], and the cluster of each row, int32 [n]."""
        return _scaled(rows, self.centroids, self.thresholds)

    def signs(self, z, cluster):
        """How a day differs, and how far a day may by chance.

        Chance is what parts of the reference show that are as large as the day,
        MOST at most: its level of 0.999 over 1,000 parts drawn at random.

        Args:
            z: float32 [n, d], of `scaled`; `is_enough` for n.
            cluster: int [n].

        Yields:
            name: NOVEL, the share of |z| > 1; MIX, the Jensen-Shannon
                divergence of the shares of clusters, in bits; FEATURES, the
                squared maximum mean discrepancy of z.
            value: float, of the day.
            chance: float, what the value stays below without any drift.
        """
        rng = np.random.default_rng(self.seed)
        size = min(len(z), MOST)
        chance = stats.binom.ppf(_LEVEL, size, self.expected) / size
        yield NOVEL, float(np.mean(_novel(z))), float(chance)

        share = self.counts / self.counts.sum()
        parts = rng.multinomial(size, share, _PARTS)
        chance = np.quantile(divergence(parts, self.counts), _LEVEL)
        own = np.bincount(cluster, minlength=len(share))
        yield MIX, float(divergence(own, self.counts)), float(chance)

        count = len(self.sample)
        size = min(size, count // 2)
        order = rng.random([_PARTS, count]).argsort(axis=1)
        part = np.zeros([_PARTS, count], bool)
        np.put_along_axis(part, order[:, :size], True, axis=1)
        table = kernel(self.sample, self.scale)
        chance = np.quantile(discrepancies(table, part.T), _LEVEL)
        some = z[rng.choice(len(z), size, replace=False)]
        value = discrepancy(some, self.sample[~part[0]], self.scale)
        yield FEATURES, value, float(chance)


def fit(
    rows,
    centroids,
    thresholds,
    *,
    seed,
    days=None,
    false_alarms=radius.FALSE_ALARMS,
):
    """The reference, and how far its own days differ.

    Args:
        rows: float [r, d], whitened, a sample of images that the encoder is
            known to serve; a few ten thousand are enough.
        centroids: float32 [k, d].
        thresholds: float32 [k], as of radius.Radii.
        seed: int.
        days: [r], the day of each row: what one of these days does beside the
            others is no drift. None: chance alone is none.
        false_alarms: share of novel rows that the thresholds were made for;
            rows that the centroids were fitted to are novel less often.

    Returns:
        Reference.

    Raises:
        InputError: fewer than 200 rows, days of another number of rows, widths
            that differ, or rows that are not finite.
    """
    z, cluster = _scaled(rows, centroids, thresholds)
    if len(z) < LEAST:
        raise InputError(f"{len(z)} rows are no reference: {LEAST} are needed.")
    days = np.zeros(len(z)) if days is None else np.asarray(days)
    if len(days) != len(z):
        raise InputError(f"{len(days)} days of {len(z)} rows.")

    def made(some, allowed):
        return _made(
            *(z[some], cluster[some], centroids, thresholds),
            *(false_alarms, allowed, seed),
        )

    allowed = dict.fromkeys((NOVEL, MIX, FEATURES), 0.0)
    for day in np.unique(days):
        own = days == day
        if np.sum(~own) < LEAST:
            continue
        others = made(~own, allowed)
        if not is_enough(np.sum(own), others):
            continue
        for name, value, chance in others.signs(z[own], cluster[own]):
            allowed[name] = max(allowed[name], value - chance)
    return made(slice(None), allowed)


def is_enough(count, reference):
    """Whether a tenth of novel images would be seen among so many."""
    chance = stats.binom.ppf(_LEVEL, count, reference.expected)
    return bool(stats.binom.sf(chance, count, _SHARE) >= _POWER)


def _made(z, cluster, centroids, thresholds, false_alarms, allowed, seed):
    rng = np.random.default_rng(seed)
    size = min(len(z), 2 * MOST)
    sample = z[rng.choice(len(z), size, replace=False)]
    apart = squares(sample)[np.triu_indices(size, 1)]
    return Reference(
        centroids=centroids,
        thresholds=thresholds,
        counts=np.bincount(cluster, minlength=len(centroids)),
        expected=float(max(np.mean(_novel(z)), false_alarms)),
        sample=sample,
        scale=float(np.median(apart)) or 1.0,  # All rows may be one centroid.
        allowed=allowed,
        seed=seed,
    )


def _scaled(rows, centroids, thresholds):
    cluster, _ = kmeans.nearest(rows, centroids)
    z = np.asarray(rows, np.float32) - centroids[cluster]
    return z / thresholds[cluster, None], cluster


def _novel(z):
    return np.linalg.norm(z, axis=1) > 1
