"""How far a day's images are from those that an encoder is known to serve.

Letters: r = rows of the reference, n = rows of a day, s = rows of a part, p =
parts, d = dimensions, k = clusters; z = (row - centroid) / the cluster's
threshold: a row is novel where |z| > 1.
"""

import dataclasses

import numpy as np
from scipy import special, stats

from simclr.explore.clusters import kmeans, radius
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

YES, NO, TOO_FEW = "yes", "no", "not enough images"
NOVEL, MIX, FEATURES = "novel images", "mix of clusters", "features"
# A difference that a thousand images do not show is no reason to train again:
# of a large day any two sources of images differ by more than chance.
MOST = 1000
# One false alarm of each sign in a thousand days.
_PARTS, _LEVEL = 1000, 0.999
_CONFIDENCE = 0.95  # Of the interval that is shown.
# A day must be large enough to notice, nine times in ten, that a tenth of its
# images are novel.
_SHARE, _POWER = 0.1, 0.9


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a day is compared with; `fit` makes it.

    Attributes:
        centroids: float32 [k, d].
        thresholds: float32 [k].
        counts: int64 [k], rows of the reference in each cluster.
        expected: float, the share of novel images without any drift.
        sample: float32 [2 MOST, d], z of rows drawn from the reference.
        scale: float, the kernel's: the median of |z - z'|^2.
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


@dataclasses.dataclass(frozen=True)
class Sign:
    """One way in which a day may differ.

    Attributes:
        name: NOVEL, MIX or FEATURES.
        value: float, of the day.
        threshold: float, the largest value that is no drift.
        drifted: bool.
        reason: str, a line.
    """

    name: str
    value: float
    threshold: float
    drifted: bool
    reason: str


@dataclasses.dataclass(frozen=True)
class Drift:
    """What a day says of the encoder.

    Attributes:
        retrain: YES, NO or TOO_FEW.
        signs: tuple of Sign; empty where there are too few images.
        reasons: tuple of str, a line each.
    """

    retrain: str
    signs: tuple
    reasons: tuple


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
        rows: float [r, d], whitened, a sample of what the encoder is known to
            serve; a few ten thousand are enough.
        centroids: float32 [k, d].
        thresholds: float32 [k], as of radius.Radii.
        seed: int.
        days: [r], the day of each row. What these days do is no drift. None:
            chance alone is none.
        false_alarms: share of novel rows that the thresholds were made for.
            Rows that the centroids were fitted to are novel less often.

    Returns:
        Reference.

    Raises:
        InputError: fewer than 200 rows, widths or lengths that differ, or rows
            that are not finite.
    """
    z, cluster = _scaled(rows, centroids, thresholds)
    if len(z) < 200:
        raise InputError(f"{len(z)} rows are too few for a reference.")
    if days is not None and len(days) != len(z):
        raise InputError(f"Days of {len(days)} rows; there are {len(z)}.")
    setting = centroids, thresholds, false_alarms, seed
    allowed = dict.fromkeys((NOVEL, MIX, FEATURES), 0.0)
    days = np.zeros(len(z)) if days is None else np.asarray(days)
    for day in np.unique(days):
        own = days == day
        if own.all() or (~own).sum() < 200:
            continue
        rest = _reference(z[~own], cluster[~own], *setting, allowed)
        if _too_few(own.sum(), rest.expected):
            continue
        for name, value, noise in _values(rest, z[own], cluster[own]):
            allowed[name] = max(allowed[name], value - noise)
    return _reference(z, cluster, *setting, allowed)


def compare(reference, rows):
    """Whether a day's images call for a new training of the encoder.

    Three signs, each against what parts of the reference show: that many
    images as the day has, MOST at most, drawn 1,000 times.

        novel images     the share of |z| > 1
        mix of clusters  the Jensen-Shannon divergence of the shares, bits
        features         the squared maximum mean discrepancy of z

    Novel images and features are reasons to train: the encoder sees what it
    has not learnt. Another mix of known images is none. As z is told from each
    cluster's own centroid, a mix moves the features hardly at all.

    MMD (Gretton et al. 2012, equation 3, unbiased, Gaussian kernel) and not
    Frechet's distance: with d^2 / 2 numbers of a covariance the latter's bias
    is larger than what a day of a few hundred images shows, and one far image
    moves it, while a kernel is bounded. Jensen-Shannon and not the population
    stability index: that one is infinite where a cluster has no image.

    Args:
        reference: Reference.
        rows: float [n, d], whitened.

    Returns:
        Drift.

    Raises:
        InputError: rows of another width, or that are not finite.
    """
    if _too_few(len(rows), reference.expected):
        reason = (
            f"{counted(len(rows), 'image')} would not show that a tenth of "
            "them are novel."
        )
        return Drift(TOO_FEW, (), (reason,))
    z, cluster = _scaled(rows, reference.centroids, reference.thresholds)
    signs = []
    for name, value, noise in _values(reference, z, cluster):
        threshold = noise + reference.allowed[name]
        drifted = bool(value > threshold)
        said = {NOVEL: _novel, MIX: _mix, FEATURES: _features}[name]
        signs.append(
            Sign(
                name,
                value,
                threshold,
                drifted,
                said(value, threshold, drifted, z, reference),
            )
        )
    drifted = {sign.name for sign in signs if sign.drifted}
    retrain = YES if drifted & {NOVEL, FEATURES} else NO
    return Drift(retrain, tuple(signs), tuple(s.reason for s in signs))


def divergence(counts, other):
    """The Jensen-Shannon divergence of two distributions (Lin 1991).

    Args:
        counts: [..., k], not all 0.
        other: [..., k], likewise.

    Returns:
        float [...], bits: 0 for equal shares, 1 where no cluster has both.
    """
    one = counts / np.sum(counts, axis=-1, keepdims=True)
    two = other / np.sum(other, axis=-1, keepdims=True)
    middle = (one + two) / 2
    both = special.rel_entr(one, middle) + special.rel_entr(two, middle)
    return both.sum(axis=-1) / (2 * np.log(2))


def discrepancy(one, other, scale):
    """The unbiased squared maximum mean discrepancy, equation 3.

        mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j)
        - 2 mean over i, j of k(x_i, y_j),  k(x, y) = exp(-|x - y|^2 / scale)

    Args:
        one: float [s, d], s at least 2.
        other: float [s', d], s' at least 2.
        scale: > 0.

    Returns:
        float: 0 on average where both are of one distribution, below it half
        of the time.
    """
    rows = np.concatenate([one, other])
    part = np.arange(len(rows)) < len(one)
    return float(_discrepancies(_kernel(rows, scale), part[:, None])[0])


def _reference(z, cluster, centroids, thresholds, false_alarms, seed, allowed):
    rng = np.random.default_rng(seed)
    size = min(len(z), 2 * MOST)
    sample = z[np.sort(rng.choice(len(z), size, replace=False))]
    apart = _squares(sample)[np.triu_indices(size, 1)]
    novel = np.mean(np.linalg.norm(z, axis=1) > 1)
    return Reference(
        centroids=centroids,
        thresholds=thresholds,
        counts=np.bincount(cluster, minlength=len(centroids)),
        expected=float(max(novel, false_alarms)),
        sample=sample,
        scale=float(np.median(apart)) or 1.0,
        allowed=allowed,
        seed=seed,
    )


def _values(reference, z, cluster):
    """Yields name, the day's value, and what chance alone reaches."""
    rng = np.random.default_rng(reference.seed)
    size = min(len(z), MOST)
    expected = reference.expected
    noise = stats.binom.ppf(_LEVEL, size, expected) / size
    yield NOVEL, float(np.mean(np.linalg.norm(z, axis=1) > 1)), float(noise)

    counts = reference.counts
    parts = rng.multinomial(size, counts / counts.sum(), _PARTS)
    noise = np.quantile(divergence(parts, counts), _LEVEL)
    own = np.bincount(cluster, minlength=len(counts))
    yield MIX, float(divergence(own, counts)), float(noise)

    size = min(size, len(reference.sample) // 2)
    draws = rng.random([_PARTS, len(reference.sample)]).argsort(axis=1)
    part = np.zeros([len(reference.sample), _PARTS], bool)
    np.put_along_axis(part, draws[:, :size].T, True, axis=0)
    kernel = _kernel(reference.sample, reference.scale)
    noise = np.quantile(_discrepancies(kernel, part), _LEVEL)
    some = z[np.sort(rng.choice(len(z), size, replace=False))]
    other = reference.sample[size:]
    value = discrepancy(some, other, reference.scale)
    yield FEATURES, value, float(noise)


def _scaled(rows, centroids, thresholds):
    """z, float32 [n, d], and the cluster of each row, int32 [n]."""
    cluster, _ = kmeans.nearest(rows, centroids)
    z = np.asarray(rows, np.float32) - centroids[cluster]
    return z / thresholds[cluster, None], cluster


def _too_few(count, expected):
    """Whether a tenth of novel images could be missed among so many."""
    noise = stats.binom.ppf(_LEVEL, count, expected)
    return bool(stats.binom.sf(noise, count, _SHARE) < _POWER)


def _squares(rows):
    """|x - y|^2 of all pairs, float32 [s, s]."""
    square = np.einsum("sd,sd->s", rows, rows)
    return np.maximum(square + square[:, None] - 2 * rows @ rows.T, 0)


def _kernel(rows, scale):
    kernel = np.exp(_squares(np.asarray(rows, np.float32)) / -scale)
    np.fill_diagonal(kernel, 0)  # Pairs i = j take no part.
    return kernel


def _discrepancies(kernel, part):
    """Of each part [s, p] of a kernel's rows and the rest, float [p]."""
    part = part.astype(np.float32)
    inside = kernel @ part
    sums = kernel.sum(axis=1, dtype=np.float64)
    own = np.einsum("sp,sp->p", part, inside, dtype=np.float64)
    cross = sums @ part - own
    rest = sums.sum() - own - 2 * cross
    a = part.sum(axis=0, dtype=np.float64)
    b = len(part) - a
    return own / (a * (a - 1)) + rest / (b * (b - 1)) - 2 * cross / (a * b)


def _novel(value, threshold, drifted, z, reference):
    low, high = interval(round(value * len(z)), len(z))
    return (
        f"{value:.1%} of {counted(len(z), 'image')} are novel ({low:.1%} to "
        f"{high:.1%}), {reference.expected:.1%} are expected: "
        f"{_above(drifted)} {threshold:.1%}."
    )


def _mix(value, threshold, drifted, z, reference):
    reason = f"the mix of clusters moved by {value:.3f} bits: "
    reason += f"{_above(drifted)} {threshold:.3f}."
    if drifted:
        reason += " A mix alone is no reason to train again."
    return reason


def _features(value, threshold, drifted, z, reference):
    return (
        f"features inside clusters moved by {value:.2g} (squared maximum mean "
        f"discrepancy): {_above(drifted)} {threshold:.2g}."
    )


def _above(drifted):
    return "more than" if drifted else "no more than"


def interval(hits, count):
    """The share's exact interval at 95 % (Clopper and Pearson 1934).

    Args:
        hits: int.
        count: int, at least 1.

    Returns:
        (float, float).
    """
    found = stats.binomtest(hits, count).proportion_ci(_CONFIDENCE, "exact")
    return float(found.low), float(found.high)
