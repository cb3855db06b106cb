"""Thirty simulated days whose classes come and go: do clusters last?

    python benchmarks/explore_days.py
    python benchmarks/explore_days.py --vectors=cifar10.npz --seed=1

Half of the classes are there at the beginning and fitted, as many clusters as
classes. The others come on days spread over the thirty. A class lives for half
of the days that are left or more, and on each of them it may be away. Every
day's rows are assigned, and new clusters come as one_day finds them. Every week
a new fit goes on from the old centroids, and its ids are matched. JSON lines:
one for each class that came, one for each new fit, and at the end

    kept            share of images whose id at the end is the first they had
    kept_at_fits    share that kept theirs, of the worst new fit
    precision       of the new class's cluster among the day's rows, on the day
    recall          when it came; means over classes, 0 where none was born
    reached         share of new classes with precision >= .9 and recall >= .8
    f1, ceiling     mean F1, and the best F1 of k-means with the right k on all
                    rows up to that day, over five seeds
    false_births    clusters born of classes that were there before

    --vectors=FILE  .npz with `vectors` [m, f] and `labels` int [m]; default: a
                    made mixture of --classes parts in --dims dimensions
    --noise=1.0     deviation of made rows from their centre, whose own is 1
    --k=0           clusters of the first fit: 0: classes, -1: chosen
"""

import argparse
import json
import time

import numpy as np

from simclr.explore.clusters import (
    choose,
    day,
    kmeans,
    lasting,
    radius,
    state,
    whiten,
)

_REFERENCE = 40_000
_CEILING = 20_000  # Rows of its fit.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--vectors", default="")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=60_000, help="of made ones")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument(
        "--refit", type=int, default=7, help="days between fits"
    )
    parser.add_argument("--iterations", type=int, default=1, help="of these")
    parser.add_argument("--away", type=float, default=0.3)
    parser.add_argument("--k", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun = time.monotonic()
    rng = np.random.default_rng(arguments.seed)
    if arguments.vectors:
        with np.load(arguments.vectors) as file:
            vectors, labels = file["vectors"], file["labels"]
        labels = np.unique(labels, return_inverse=True)[1]
    else:
        vectors, labels = made(arguments, rng)
    stock, days, comes = calendar(labels, arguments, rng)
    simulated = Simulated(vectors, labels, stock, arguments)
    for number, rows in enumerate(days, start=1):
        for one in np.flatnonzero(comes == number):
            simulated.expect(one)
        simulated.pass_day(rows, number)
        if number % arguments.refit == 0:
            simulated.refit(number)
    simulated.tell(time.monotonic() - begun)


def made(arguments, rng):
    """Rows of a Gaussian mixture, float16 [m, d], and their parts."""
    shape = arguments.classes, arguments.dims
    centres = rng.standard_normal(shape, np.float32)
    labels = rng.integers(arguments.classes, size=arguments.rows)
    shape = arguments.rows, arguments.dims
    rows = centres[labels] + arguments.noise * rng.standard_normal(shape)
    return rows.astype(np.float16), labels


def calendar(labels, arguments, rng):
    """Which rows come when.

    Returns:
        stock: rows that are there at the beginning, half of the first
            classes'.
        days: list of rows of each day.
        comes: int [c], the day when each class comes; 0: it is there.
    """
    classes = labels.max() + 1
    first = (classes + 1) // 2
    late = arguments.days - 5  # The last one has some days to live.
    comes = np.zeros(classes, np.int64)
    comes[first:] = np.linspace(1, late, classes - first).round()
    comes = comes[rng.permutation(classes)]
    stock, days = [], [[] for _ in range(arguments.days)]
    for one in range(classes):
        rows = rng.permutation(np.flatnonzero(labels == one))
        if comes[one] == 0:
            stock.append(rows[: len(rows) // 2])
            rows = rows[len(rows) // 2 :]
        left = np.arange(max(comes[one], 1), arguments.days + 1)
        lives = rng.integers(len(left) // 2, len(left), endpoint=True)
        here = left[: max(1, lives)]
        kept = rng.random(len(here)) >= arguments.away
        kept[0] |= comes[one] > 0
        here = here[kept] if kept.any() else here[:1]
        weight = rng.gamma(4.0, size=len(here))
        ends = np.cumsum(weight / weight.sum())[:-1] * len(rows)
        for number, some in zip(here, np.split(rows, ends.astype(int))):
            days[number - 1].append(some)
    empty = np.zeros(0, np.int64)
    return (
        np.concatenate(stock),
        [np.concatenate([empty, *some]) for some in days],
        comes,
    )


class Simulated:
    """A store of whitened rows, their ids and the clusters, in memory."""

    def __init__(self, vectors, labels, stock, arguments):
        self._seed, self._seen = arguments.seed, np.unique(labels[stock])
        self._iterations = arguments.iterations
        whitening = whiten.fit(vectors[stock])
        self._rows = whitening.apply(vectors).astype(np.float16)
        self._labels = labels
        self._there = stock
        self._expected, self._told, self._kept, self._false = [], [], [], 0
        k = arguments.k or len(self._seen)
        fitted = self._drawn(stock, kmeans.ROWS_PER_CLUSTER * max(64, k))
        if k < 0:
            k = choose.choose(self._rows[fitted], seed=self._seed).k
        centroids = kmeans.fit(self._rows[fitted], k, seed=self._seed)
        self._clusters = state.begin(centroids, self._radii(centroids), "0")
        cluster, _ = kmeans.nearest(self._rows[stock], centroids)
        self._ids = np.full(len(labels), state.NONE, np.int32)
        self._ids[stock] = self._clusters.ids[cluster]
        self._first = self._ids.copy()

    def expect(self, one):
        """A class comes with the next day."""
        self._expected.append(one)

    def pass_day(self, rows, number):
        """Assigns a day's rows, and tells of the classes that came."""
        if len(rows) == 0:
            return
        reference = self._rows[self._drawn(self._there, _REFERENCE)]
        found = day.one_day(
            self._clusters,
            self._rows[rows],
            reference,
            day=str(number),
            seed=self._seed,
        )
        self._clusters = found.clusters
        self._ids[rows] = self._first[rows] = found.cluster
        self._there = np.concatenate([self._there, rows])
        labels = self._labels[rows]
        for one in found.born:
            most = np.bincount(labels[found.cluster == one]).argmax()
            self._false += most not in self._expected
        for one in self._expected:
            self._tell_class(one, labels, found, rows, number)
        self._seen = np.union1d(self._seen, labels)
        self._expected = []

    def _tell_class(self, one, labels, found, rows, number):
        own = labels == one
        scores = [_scores(found.cluster == i, own) for i in found.born]
        f1, precision, recall = max(scores, default=(0.0, 0.0, 0.0))
        ceiling, k = 0.0, len(np.union1d(self._seen, labels))
        for seed in range(5):
            sample = self._rows[self._drawn(self._there, _CEILING)]
            centroids = kmeans.fit(sample, k, seed=seed)
            cluster, _ = kmeans.nearest(self._rows[rows], centroids)
            best = max(_scores(cluster == i, own)[0] for i in range(k))
            ceiling = max(ceiling, best)
        self._told.append((f1, precision, recall, ceiling))
        _print(
            day=number,
            rows=len(rows),
            came=int(one),
            of_it=int(own.sum()),
            born=len(found.born),
            novel=round(float(np.mean(found.novelty[own] > 1)), 3),
            precision=round(precision, 3),
            recall=round(recall, 3),
            f1=round(f1, 3),
            ceiling=round(ceiling, 3),
        )

    def refit(self, number):
        """A new fit to all rows, and its ids matched to the old ones."""
        k, old = len(self._clusters.ids), self._ids[self._there]
        fitted = self._drawn(self._there, kmeans.ROWS_PER_CLUSTER * max(64, k))
        centroids = kmeans.fit(
            self._rows[fitted],
            k,
            seed=self._seed,
            start=self._clusters.centroids,
            iterations=self._iterations,
        )
        label, _ = kmeans.nearest(self._rows[self._there], centroids)
        reference = np.random.default_rng(self._seed + 1).permutation(len(old))
        reference = reference[:_REFERENCE]
        matched = lasting.match(
            old[reference],
            label[reference],
            ids=self._clusters.ids,
            k=k,
            next_id=self._clusters.next_id,
        )
        self._clusters = state.renewed(
            self._clusters,
            matched,
            centroids,
            self._radii(centroids),
            str(number),
        )
        self._ids[self._there] = lasting.follow(old, label, matched)
        kept = float(np.mean(self._ids[self._there] == old))
        self._kept.append(kept)
        _print(
            day=number,
            fit_of=k,
            agreed=round(float(np.mean(matched.ids[label] == old)), 4),
            kept=round(kept, 4),
            splits=len(matched.splits),
            merges=len(matched.merges),
        )

    def tell(self, seconds):
        """Prints what is told at the end."""
        told = np.array(self._told).reshape(-1, 4)
        f1, precision, recall, ceiling = told.mean(axis=0)
        there = self._there
        _print(
            kept=round(
                float(np.mean(self._ids[there] == self._first[there])), 5
            ),
            kept_at_fits=round(min(self._kept, default=1.0), 5),
            came=len(told),
            precision=round(precision, 3),
            recall=round(recall, 3),
            reached=round(
                float(np.mean((told[:, 1] >= 0.9) & (told[:, 2] >= 0.8))), 3
            ),
            f1=round(f1, 3),
            ceiling=round(ceiling, 3),
            false_births=int(self._false),
            clusters=len(self._clusters.ids),
            images=len(there),
            seconds=round(seconds, 1),
        )

    def _drawn(self, rows, count):
        rng = np.random.default_rng([self._seed, len(self._there)])
        return rows[np.sort(rng.permutation(len(rows))[:count])]

    def _radii(self, centroids):
        """Of a tenth of the rows, at most 256 a cluster."""
        rng = np.random.default_rng([self._seed, len(self._there), 1])
        k = len(centroids)
        some = rng.permutation(self._there)[: 1000 * k]
        cluster, distance = kmeans.nearest(self._rows[some], centroids)
        return radius.fit(distance, cluster, k)


def _scores(cluster, own):
    """F1, precision and recall of a cluster for a class, bool [n] both."""
    both = np.sum(cluster & own)
    if both == 0:
        return 0.0, 0.0, 0.0
    precision, recall = both / cluster.sum(), both / own.sum()
    return 2 * precision * recall / (precision + recall), precision, recall


def _print(**facts):
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
