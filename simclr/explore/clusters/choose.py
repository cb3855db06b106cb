"""How many clusters there are: the number that comes out again.

Letters: n = rows of the sample, d = dimensions, k = clusters.
"""

import dataclasses
import itertools
import math

import numpy as np

from simclr.explore.clusters import kmeans
from simclr.explore.clusters.rand_index import adjusted_rand
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar

MOST_ROWS = 500_000
SEEDS = 5
_FACTOR = 1.5
_EVERY = 16  # Up to here every number is tried: they cost little.
_AS_STABLE = 0.85  # Of the most stable number's agreement.
_REFINED = 2  # Times that the steps round the best are halved: to 1.1.
_HELD_OUT, _MOST_HELD_OUT = 0.2, 50_000  # Share of the sample, and rows.
_FEWEST = 4096  # Rows of a fit, however few its clusters.


@dataclasses.dataclass(frozen=True)
class Stability:
    """How well fits of k clusters agree.

    Attributes:
        k: int.
        mean: float, the adjusted Rand index, mean over all pairs of fits.
        spread: float, its standard deviation over the pairs.
    """

    k: int
    mean: float
    spread: float

    @property
    def lower(self):
        """The mean less the spread: what most pairs of fits reach."""
        return self.mean - self.spread


@dataclasses.dataclass(frozen=True)
class Choice:
    """Numbers of clusters, compared.

    Attributes:
        k: int, the number proposed.
        stabilities: tuple of Stability, k rising.
    """

    k: int
    stabilities: tuple

    @property
    def layers(self):
        """Numbers more stable than those on both sides of them, a list.

        Images have groups in groups: animals, dogs, breeds. Each layer is one
        answer; `k` is but one of them.
        """
        return [one.k for one in _peaks(self.stabilities)]


def ladder(n, least=2, most=None, factor=_FACTOR):
    """Numbers of clusters to compare: to 16 all, then by about `factor`.

    Args:
        n: rows of the sample.
        least: the first, 2 or more.
        most: the last; None: the square root of n.
        factor: > 1, from 16 on.

    Returns:
        list of int, rising.

    Raises:
        InputError: least < 2, most < least, or factor <= 1.
    """
    most = max(least, math.isqrt(n)) if most is None else most
    if not 2 <= least <= most:
        raise InputError(
            f"Clusters from {least} to {most} cannot be compared: the first "
            "must be at least 2, the last no smaller."
        )
    if factor <= 1:
        raise InputError(f"factor is {factor}; it must be more than 1.")
    small = set(range(least, min(most, _EVERY) + 1))
    start = max(least, _EVERY)
    steps = math.floor(math.log(max(1, most / start), factor))
    found = {round(start * factor**step) for step in range(steps + 1)}
    return sorted({k for k in found if k <= most} | small | {most})


def choose(sample, *, seed, ks=None, seeds=SEEDS, progress=False):
    """The finest number of clusters whose fits agree about as well as the best.

    Compares all of `ks`, then numbers between the chosen one and its
    neighbours. How well fits agree is `Stability.lower` of the adjusted Rand
    index: two halves of one long axis come out again in some pairs of fits and
    not in others, and their mean may still be the highest. Of the layers that
    reach 85 % of the highest, the largest is taken: it comes out again
    nearly as surely and tells more, and clusters are easily put together by
    hand, while one that hides two is found by no one.

    The index of k-means is often highest at 2 or 3: one long axis parts any
    rows in the same two halves. Whitened rows have no such axis, so whiten
    first. If no mean is above about 0.3, no number is much better than
    another: rows without any groups reach that where their axes differ.

    Args:
        sample: float [n, d], whitened; of more than 500,000 rows a part.
        seed: int.
        ks: ints; None: `ladder(n)`.
        seeds: fits of each number, at least 2.
        progress: show bars.

    Returns:
        Choice.

    Raises:
        InputError: as `stability`, or no number to compare.
    """
    if len(sample) > MOST_ROWS:
        rng = np.random.default_rng(seed)
        sample = sample[np.sort(rng.permutation(len(sample))[:MOST_ROWS])]
    ks = ladder(len(sample)) if ks is None else sorted(set(ks))
    if not ks:
        raise InputError("There is no number of clusters to compare.")
    found = {}
    for _ in range(1 + _REFINED):
        for k in progress_bar(ks, shown=progress, desc="Stability"):
            found[k] = stability(sample, k, seed=seed, seeds=seeds)
        rows = sorted(found.values(), key=lambda one: one.k)
        ks = _between(sorted(found), _best(rows).k)
    return Choice(_best(rows).k, tuple(rows))


def stability(sample, k, *, seed, seeds=SEEDS):
    """How well fits of k clusters agree on rows that none of them has seen.

    Each fit has its own seed and its own random half of the sample without
    the held-out rows (Ben-Hur et al. 2002; Lange et al. 2004): chance in the
    start and chance in the rows both must not matter.

    Args:
        sample: float [n, d].
        k: clusters.
        seed: int.
        seeds: fits, at least 2.

    Returns:
        Stability.

    Raises:
        InputError: seeds < 2, or too few rows for k clusters.
    """
    if seeds < 2:
        raise InputError(f"seeds is {seeds}; it must be at least 2.")
    held = min(int(_HELD_OUT * len(sample)), _MOST_HELD_OUT)
    size = (len(sample) - held) // 2
    if not 1 <= k <= size:
        raise InputError(
            f"k is {k}; half of {len(sample)} rows, {held} held out, has room "
            f"for 1 to {size} clusters."
        )
    size = min(size, max(_FEWEST, kmeans.ROWS_PER_CLUSTER * k))
    order = np.random.default_rng(seed).permutation(len(sample))
    test, labels = sample[order[:held]], []
    for number in range(seeds):
        rng = np.random.default_rng([seed, number])
        half = rng.choice(order[held:], size, replace=False)
        centroids = kmeans.fit(sample[half], k, seed=seed + number)
        labels.append(kmeans.nearest(test, centroids)[0])
    found = [adjusted_rand(a, b) for a, b in itertools.combinations(labels, 2)]
    return Stability(k, float(np.mean(found)), float(np.std(found)))


def _peaks(stabilities):
    """Those that no neighbour exceeds; of equals the last. k rises."""
    lower = [-2, *(one.lower for one in stabilities), -2]
    return [
        one
        for one, left, right in zip(stabilities, lower, lower[2:])
        if left <= one.lower > right
    ]


def _best(stabilities):
    """The last peak that is about as high as the highest. k rises."""
    top = max(one.lower for one in stabilities)
    bound = top - (1 - _AS_STABLE) * abs(top)
    return [one for one in _peaks(stabilities) if one.lower >= bound][-1]


def _between(ks, best):
    """Numbers halfway, by ratio, from the best to the one on each side."""
    place = ks.index(best)
    pairs = itertools.pairwise(ks[max(0, place - 1) : place + 2])
    return sorted({round(math.sqrt(a * b)) for a, b in pairs} - set(ks))
