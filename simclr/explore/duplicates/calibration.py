"""A threshold without labels, and what to expect of it.

How often two images that are no duplicates reach a threshold can be told from
the images themselves, without a look at the pairs that do reach it. An image's
tenth to fortieth neighbours are others, if it has no ten duplicates. The number
of others within a distance r of an image grows as a power of r (Levina and
Bickel 2004, "Maximum likelihood estimation of intrinsic dimension"; Amsaleg et
al. 2015). The thirty neighbours give the power, and the power gives how many
others are expected nearer than the tenth:

    false_i(t) = 9 ((c_i - t) / (c_i - s_i10))^a_i
    log(2) / a_i = median over j of j (y_ij - y_i,j+1), y_ij = -log(c_i - s_ij)

with s_ij the score of image i with its j-th neighbour and c_i the score of a
copy of image i, 1 - level_i: c - s is half of a squared distance, except for
levels that differ. Spacings times j are exponential with mean 1 / a (Renyi
1953); their median is not moved by the jump where a cluster ends. Random pairs
are not used: they lie far below, and duplicates among them would be "others".

What reaches the threshold is duplicates and others, so the pairs that are seen
less those expected give the duplicates. Made duplicates give the share that a
threshold finds:

    recall(t) = share of made duplicates with a score of at least t
    precision(t) = duplicates recall(t) / (duplicates recall(t) + false(t))

In plain words it is assumed: that look-alikes thin out towards an image as its
tenth to fortieth neighbours do (a series of shots of one scene is thus counted
as duplicates), and that real duplicates are like the made ones. If real ones
are harder to see, more are missed than `recall` says; `precision` barely moves.

Letters: q = images of a sample, k = neighbours, p = made duplicates.
"""

import dataclasses

import faiss
import numpy as np
import pyarrow as pa

from simclr.messages.errors import InputError

SAMPLE = 2000  # Images whose neighbours are looked at.
_FIRST, _LAST = 10, 40  # Neighbours that are others.
_BLOCK = 65536  # Rows; 34 MB of float32 at 128 dimensions.
_STEPS = 1000  # Of the curve.
_NARROWEST = 1e-3  # Of c - s: float16 tells no less apart.
# Where one in ten of the pairs that are seen is false, they count duplicates.
_SEEN_FALSE = 0.1


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """What is seen around a sample of images.

    Attributes:
        scores: float32 [q, k], of each with its neighbours, falling.
        copy: float32 [q], the score of each with a copy of itself.
    """

    scores: np.ndarray
    copy: np.ndarray


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A threshold and what to expect of it.

    Attributes:
        threshold: float; pairs of this score and more are duplicates.
        precision: float, expected share of duplicates among them.
        recall: float, expected share of duplicates that are found.
        duplicates: float, of an image, on average: the prior.
        crowded: float, share of the sample left out because even the tenth
            neighbour is as near as a duplicate.
        curve: pa.Table of threshold, precision, recall, false and seen (pairs
            of an image, on average).
    """

    threshold: float
    precision: float
    recall: float
    duplicates: float
    crowded: float
    curve: pa.Table


def neighbour_scores(one, other=None, count=SAMPLE, seed=0):
    """The scores of a sample of images with their nearest neighbours. Exact.

    Args:
        one: scores.Scored, n rows.
        other: scores.Scored, where neighbours are looked for; None: in `one`,
            an image itself left out.
        count: images of the sample.
        seed: int.

    Returns:
        Neighbours.

    Raises:
        InputError: there are not 40 images to look for neighbours in.
    """
    within = other is None
    other = one if within else other
    if len(other) < _LAST + within:
        raise InputError(
            f"{len(other)} images are too few for a threshold by their "
            f"neighbours; {_LAST + 1} are needed: give one."
        )
    rng = np.random.default_rng(seed)
    size = min(count, len(one))
    sample = np.sort(rng.choice(len(one), size, replace=False))
    queries = one.queries(sample)
    best = np.full([size, _LAST], -np.inf, np.float32)
    for start in range(0, len(other), _BLOCK):
        block = other.candidates(slice(start, start + _BLOCK))
        found, index = faiss.knn(
            queries,
            block,
            min(_LAST + 1, len(block)),
            metric=faiss.METRIC_INNER_PRODUCT,
        )
        if within:
            found[index + start == sample[:, None]] = -np.inf
        best = np.sort(np.concatenate([best, found], axis=1), axis=1)
        best = best[:, : -_LAST - 1 : -1]
    return Neighbours(best, 1 - one.levels[sample])


def calibrate(made, neighbours, precision=0.99, duplicates=None):
    """The lowest threshold of at least a stated precision.

    Args:
        made: float [p], the scores of images with duplicates made of them.
        neighbours: Neighbours.
        precision: goal, in (0, 1).
        duplicates: of an image, on average; None: as seen. Where none is seen,
            as if one were.

    Returns:
        Calibration.

    Raises:
        InputError: a goal outside (0, 1), no made duplicate, or no threshold
            that reaches the goal and finds one in twenty.
    """
    if not 0 < precision < 1:
        raise InputError(f"precision is {precision}; it must be in (0, 1).")
    made = np.sort(np.asarray(made, np.float32))
    if len(made) == 0 or not np.all(np.isfinite(made)):
        raise InputError("Scores of made duplicates are missing or not finite.")
    tenth = neighbours.scores[:, _FIRST - 1]
    free = tenth < np.median(made)
    if not np.any(free):
        raise InputError(
            "This encoder cannot tell duplicates: half of the made ones are no "
            "nearer than the tenth neighbour."
        )
    scores, copy = neighbours.scores[free], neighbours.copy[free]
    low, high = np.median(tenth[free]), np.quantile(made, 0.95)
    thresholds = np.linspace(low, high, _STEPS, dtype=np.float32)
    recall = _share(made, thresholds)
    seen = _share(np.sort(scores, axis=None), thresholds) * scores.shape[1]
    false = false_pairs(scores, copy, thresholds)
    if duplicates is None:
        duplicates = _duplicates(seen, false, recall, 1 / len(scores))
    true = duplicates * recall
    expected = true / np.maximum(true + false, np.finfo(np.float32).tiny)
    reached = np.flatnonzero(expected >= precision)
    if len(reached) == 0:
        raise InputError(
            f"No threshold has an expected precision of {precision}; the best "
            f"has {expected.max():.3f}: state another goal, or take a better "
            "encoder."
        )
    chosen = reached[0]
    return Calibration(
        threshold=float(thresholds[chosen]),
        precision=float(expected[chosen]),
        recall=float(recall[chosen]),
        duplicates=float(duplicates),
        crowded=float(1 - free.mean()),
        curve=pa.table(
            {
                "threshold": thresholds,
                "precision": expected,
                "recall": recall,
                "false": false,
                "seen": seen,
            }
        ),
    )


def false_pairs(scores, copy, thresholds):
    """Others that reach a threshold, expected of an image on average.

    Args:
        scores: float32 [q, 40], of each image with its neighbours, falling.
        copy: float32 [q], c.
        thresholds: float32 [t].

    Returns:
        float64 [t]; below an image's tenth neighbour it counts as 9.
    """
    gap = np.maximum(copy[:, None] - scores[:, _FIRST - 1 : _LAST], _NARROWEST)
    y = -np.log(gap.astype(np.float64))
    number = np.arange(_FIRST, _LAST)
    spacing = np.median(number * (y[:, :-1] - y[:, 1:]), axis=1)
    power = np.log(2) / np.maximum(spacing, 1e-6)
    share = np.clip((copy[:, None] - thresholds) / gap[:, :1], 0, 1)
    return (_FIRST - 1) * (share ** power[:, None]).mean(axis=0)


def _share(values, thresholds):
    """The share of sorted values that are at least each threshold."""
    below = np.searchsorted(values, thresholds, side="left")
    return 1 - below / len(values)


def _duplicates(seen, false, recall, least):
    """Duplicates of an image on average, from what is seen."""
    clear = np.flatnonzero((seen > 0) & (false <= _SEEN_FALSE * seen))
    if len(clear) == 0:
        return least
    first = clear[0]
    return max(least, (seen[first] - false[first]) / recall[first])
