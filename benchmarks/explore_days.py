"""Thirty simulated days whose classes come and go: do clusters last?

    python benchmarks/explore_days.py
    python benchmarks/explore_days.py --vectors=cifar10.npz --seed=1

Half of the classes are there at the beginning and fitted, as many clusters as
classes. The others come on days spread over the thirty. A class lives for half
of the days that are left or more, and on each of them it may be away. The rows
are in a store of their own, and it goes as with `simclr`: every day's rows are
appended and assigned, and every week there is a new fit. JSON lines: one for
each class that came, one for each new fit, and at the end

    kept            share of images whose id at the end is the first they had
    kept_at_fits    share that kept theirs, of the worst new fit
    purity          share of images of the class that most of their id are of
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
    --anew          new fits begin from nothing, with as many clusters
"""

import argparse
import json
import tempfile
import time

import numpy as np
import pyarrow as pa

from simclr.explore import assigning, clustering, space
from simclr.explore.clusters import kmeans
from simclr.explore.store import schema, store

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
    parser.add_argument("--anew", action="store_true")
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
    with tempfile.TemporaryDirectory() as folder, store.held(folder):
        simulated = Simulated(folder, vectors, labels, stock, arguments)
        for number, rows in enumerate(days, start=1):
            simulated.pass_day(rows, number, np.flatnonzero(comes == number))
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
    """A store, and what became of its images and of classes that came."""

    def __init__(self, folder, vectors, labels, stock, arguments):
        self._vectors, self._labels = vectors, labels
        self._seed, self._anew = arguments.seed, arguments.anew
        self._encoder = schema.Encoder(1, "f", "made", 1, 32, vectors.shape[1])
        self._there, self._seen = stock, np.unique(labels[stock])
        self._told, self._kept, self._false = [], [], 0
        batches = self._batches(stock, 0)
        self._store = store.begin(folder, self._encoder, batches)
        k = arguments.k or len(self._seen)
        self._fit(max(k, 0), 0)
        self._first = self._ids()

    def pass_day(self, rows, number, came):
        """A day's rows, and what is told of the classes that come with them."""
        if len(rows) == 0:
            return
        self._there = np.concatenate([self._there, rows])
        self._store.append(self._batches(rows, number))
        found = assigning.assign(self._store, day=_day(number), seed=self._seed)
        rows = _rows(found.table)
        cluster = found.table["cluster"].to_numpy()
        self._first[rows] = cluster
        labels = self._labels[rows]
        for one in found.born:
            most = np.bincount(labels[cluster == one]).argmax()
            self._false += most not in came
        self._seen = np.union1d(self._seen, labels)
        novel = found.table["novelty"].to_numpy() > 1
        for one in came:
            own = labels == one
            scores = [_scores(cluster == i, own) for i in found.born]
            scores = max(scores, default=(0.0, 0.0, 0.0))
            self._told.append((*scores, self._ceiling(rows, own)))
            names = "f1", "precision", "recall", "ceiling"
            scores = dict(zip(names, map(_rounded, self._told[-1])))
            _print(
                day=number,
                rows=len(rows),
                came=int(one),
                of_it=int(own.sum()),
                born=len(found.born),
                novel=_rounded(np.mean(novel[own])),
                **scores,
            )

    def _ceiling(self, rows, own):
        """The best F1 of k-means of all rows so far, with the right k."""
        apply = space.read(self._store).whitening.apply
        rng = np.random.default_rng([self._seed, len(self._there)])
        sample = apply(self._vectors[rng.permutation(self._there)[:_CEILING]])
        k, best = len(self._seen), 0.0
        for seed in range(5):
            centroids = kmeans.fit(sample, k, seed=seed)
            cluster, _ = kmeans.nearest(apply(self._vectors[rows]), centroids)
            scores = [_scores(cluster == i, own)[0] for i in range(k)]
            best = max(best, *scores)
        return best

    def refit(self, number):
        """A new fit to all rows."""
        k = len(space.read(self._store).clusters.ids) if self._anew else 0
        found = self._fit(k, number)
        self._kept.append(found.kept / (found.kept + found.changed))
        _print(
            day=number,
            fit_of=len(found.table),
            went_on=found.went_on,
            kept=round(self._kept[-1], 4),
            splits=len(found.matched.splits),
            merges=len(found.matched.merges),
        )

    def _fit(self, k, number):
        return clustering.cluster(
            self._store,
            k=k,
            day=_day(number),
            seed=self._seed + number,
            anew=self._anew,
        )

    def tell(self, seconds):
        """Prints what is told at the end."""
        told = np.array(self._told).reshape(-1, 4)
        f1, precision, recall, ceiling = map(_rounded, told.mean(axis=0))
        reached = (told[:, 1] >= 0.9) & (told[:, 2] >= 0.8)
        ids, labels = self._ids()[self._there], self._labels[self._there]
        kept = ids == self._first[self._there]
        table = np.zeros([ids.max() + 1, labels.max() + 1], np.int64)
        np.add.at(table, (ids, labels), 1)
        _print(
            kept=round(float(np.mean(kept)), 5),
            kept_at_fits=round(min(self._kept, default=1.0), 5),
            purity=_rounded(table.max(axis=1).sum() / len(ids)),
            came=len(told),
            precision=precision,
            recall=recall,
            reached=_rounded(np.mean(reached)),
            f1=f1,
            ceiling=ceiling,
            false_births=int(self._false),
            clusters=len(space.read(self._store).clusters.ids),
            images=len(self._there),
            seconds=round(seconds, 1),
        )

    def _ids(self):
        """Ids of clusters, int [m]; -1: not there yet."""
        table = self._store.read(["id", "cluster"])
        ids = np.full(len(self._labels), -1)
        ids[_rows(table)] = table["cluster"].to_numpy()
        return ids

    def _batches(self, rows, number):
        images = schema.images_table(
            {
                "id": [str(row) for row in rows],
                "source": ["made"] * len(rows),
                "day": [_day(number)] * len(rows),
            }
        )
        flat = pa.array(self._vectors[rows].astype(np.float16).reshape(-1))
        cells = {
            "vector": pa.FixedSizeListArray.from_arrays(
                flat, self._encoder.dims
            ),
            "model": pa.array([self._encoder.fingerprint] * len(rows)),
        }
        for name, cell in cells.items():
            images = images.append_column(name, cell)
        return images.to_batches()


def _rows(table):
    """int64 [n]: an image's id is its row."""
    return table["id"].cast(pa.int64()).to_numpy()


def _day(number):
    return f"2026-01-{1 + number:02d}"


def _rounded(value):
    return round(float(value), 3)


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
