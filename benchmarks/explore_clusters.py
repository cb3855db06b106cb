"""Made rows into clusters: seconds, memory, and how good the clusters are.

    python benchmarks/explore_clusters.py --rows=1000000 --k=1024
    python benchmarks/explore_clusters.py --rows=10000000 --k=4096

The rows are a Gaussian mixture, float16, made again from their seeds each time
that they are walked, so that they take no memory. The time to make them is told
apart: it is none of the work. Three passes: a sample for the whitening and the
fit, the fit, and the nearest centroid of every row. One JSON line:

    seconds         of sample, whitening, fit, assignment; `made` is not in them
    peak_gib        resident memory of the process at its highest
    distance        mean from a row to its centroid, whitened
    ideal           the same to the mean of the row's own part: no centroids of
                    as many clusters as parts are much better
    adjusted_rand   of the clusters and the parts

    --noise=1       deviation of a row from its part's centre, whose own is 1
    --pruned        fit by SuperKMeans
    --blocks=65536  rows of a block
"""

import argparse
import json
import resource
import time

import faiss
import numpy as np

from simclr.explore.clusters import kmeans, sample, whiten
from simclr.explore.clusters.rand_index import adjusted_rand


class Mixture:
    """Rows of a Gaussian mixture, block by block from seeds.

    Attributes:
        seconds: float, that making rows took so far.
    """

    def __init__(self, rows, parts, dims, noise, block, seed):
        rng = np.random.default_rng([seed, 0])
        self._centres = rng.standard_normal([parts, dims], np.float32)
        self._rows, self._noise = rows, noise
        self._block, self._seed = block, seed
        self.seconds = 0.0

    def parts(self):
        """The part of every row, int32 [n]."""
        return np.concatenate([part for part, _ in self._draws()])

    def __call__(self):
        """Yields float16 [b, d]."""
        for part, rng in self._draws():
            begun = time.monotonic()
            shape = len(part), self._centres.shape[1]
            rows = rng.standard_normal(shape, np.float32)
            rows *= self._noise
            rows += self._centres[part]
            rows = rows.astype(np.float16)
            self.seconds += time.monotonic() - begun
            yield rows

    def _draws(self):
        for number, start in enumerate(range(0, self._rows, self._block)):
            rng = np.random.default_rng([self._seed, 1, number])
            size = min(self._block, self._rows - start)
            yield (
                rng.integers(len(self._centres), size=size, dtype=np.int32),
                rng,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--k", type=int, default=1024)
    parser.add_argument("--parts", type=int, default=1024)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--blocks", type=int, default=65_536)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pruned", action="store_true")
    arguments = parser.parse_args()
    rows = Mixture(
        arguments.rows,
        arguments.parts,
        arguments.dims,
        arguments.noise,
        arguments.blocks,
        arguments.seed,
    )
    seconds = {}
    size = kmeans.ROWS_PER_CLUSTER * arguments.k
    with _timed("sample", seconds, rows):
        drawn, _ = sample.draw(rows, arguments.rows, size, seed=arguments.seed)
    with _timed("whitening", seconds, rows):
        whitening = whiten.fit(drawn)
        drawn = whitening.apply(drawn)
    with _timed("fit", seconds, rows):
        centroids = kmeans.fit(
            drawn,
            arguments.k,
            seed=arguments.seed,
            iterations=arguments.iterations,
            pruned=arguments.pruned,
        )
    del drawn
    with _timed("assignment", seconds, rows):
        found = [
            kmeans.nearest(whitening.apply(block), centroids)
            for block in rows()
        ]
    # The measure of goodness is no part of the work, nor of its memory.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cluster, distance = (np.concatenate(one) for one in zip(*found))
    parts = rows.parts()
    print(
        json.dumps(
            {
                "rows": arguments.rows,
                "k": arguments.k,
                "parts": arguments.parts,
                "threads": faiss.omp_get_max_threads(),
                "seconds": {k: round(v, 1) for k, v in seconds.items()},
                "total_seconds": round(sum(seconds.values()), 1),
                "made_seconds": round(rows.seconds, 1),
                "peak_gib": round(peak, 2),
                "distance": round(float(distance.mean()), 4),
                "ideal": round(_ideal(rows, parts, whitening), 4),
                "adjusted_rand": round(adjusted_rand(cluster, parts), 4),
                "fewest_rows": int(
                    np.bincount(cluster, None, arguments.k).min()
                ),
            }
        )
    )


class _timed:
    """Notes the seconds of a block of code, without those that made rows."""

    def __init__(self, name, seconds, rows):
        self._name, self._seconds, self._rows = name, seconds, rows

    def __enter__(self):
        self._begun = time.monotonic() - self._rows.seconds

    def __exit__(self, *error):
        ended = time.monotonic() - self._rows.seconds
        self._seconds[self._name] = ended - self._begun


def _ideal(rows, parts, whitening):
    """Mean distance of whitened rows to the mean of their part."""
    count = parts.max() + 1
    sums = np.zeros([count, whitening.axes.shape[1]])
    start = 0
    for block in rows():
        np.add.at(
            sums, parts[start : start + len(block)], whitening.apply(block)
        )
        start += len(block)
    means = sums / np.maximum(np.bincount(parts), 1)[:, None]
    total, start = 0.0, 0
    for block in rows():
        own = means[parts[start : start + len(block)]]
        total += np.linalg.norm(whitening.apply(block) - own, axis=1).sum()
        start += len(block)
    return total / len(parts)


if __name__ == "__main__":
    main()
