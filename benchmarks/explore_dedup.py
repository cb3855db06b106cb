"""Near-duplicates of very many rows: seconds, memory, share of the pairs found.

    python benchmarks/explore_dedup.py --rows=1000000 --sklearn_rows=50000

Rows are made: a Gaussian mixture of 1,024 parts in 128 dimensions, --planted of
them near-duplicates of another row (noise of 0.03 to 0.3; of centres it is 1).
Whitening, levels, the threshold (calibrated on duplicates made anew) and the
search are timed; rows are made before that. JSON lines:

    made      rows, threads, seconds
    search    seconds of each step and in all, pairs, peak_gib of the process
    exact     share of the exact pairs that were found: the pairs of --queries
              rows with all others, by faiss's brute force
    sklearn   the search, once more, of --sklearn_rows rows, and
              NearestNeighbors.radius_neighbors of the same rows, with one
              cosine as threshold (FiftyOne's way): both measured at a size
              that fits, nothing is extrapolated

peak_gib is the process's, of all until then.
"""

import argparse
import contextlib
import json
import math
import resource
import time

import faiss
import numpy as np

from simclr.explore.duplicates import calibration, pairs, scores, vectors

BLOCK = 65536
PARTS = 1024
ROWS_OF_A_PART = 200  # At least: fewer parts where there are few rows.
SPREAD = 0.5  # Standard deviation inside a part; of the centres it is 1.
NOISE = 0.03, 0.3  # Standard deviation of near-duplicates, log-uniform.


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--planted", type=float, default=0.05)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--sklearn_rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    rows = made_rows(
        arguments.rows, arguments.dims, arguments.planted, arguments.seed
    )
    say(
        "made",
        rows=len(rows),
        threads=faiss.omp_get_max_threads(),
        seconds=since(started),
    )
    one, found, threshold = search(rows, arguments.seed)
    exact(one, found, threshold, arguments.queries, arguments.seed)
    if arguments.sklearn_rows:
        few = made_rows(
            arguments.sklearn_rows,
            arguments.dims,
            arguments.planted,
            arguments.seed,
        )
        one, _, threshold = search(few, arguments.seed)
        sklearn(one, threshold)


def made_rows(count, dims, planted, seed):
    """float16 [count, dims]; the last ones are the near-duplicates."""
    rows = np.empty([count, dims], np.float16)
    rng = np.random.default_rng(seed)
    parts = max(1, min(PARTS, count // ROWS_OF_A_PART))
    centres = rng.normal(size=[parts, dims]).astype(np.float32)
    copies = round(count * planted)
    for start in range(0, count - copies, BLOCK):
        part = rows[: count - copies][start : start + BLOCK]
        noise = rng.standard_normal(part.shape, np.float32)
        part[:] = centres[rng.integers(parts, size=len(part))] + SPREAD * noise
    for start in range(count - copies, count, BLOCK):
        part = rows[start : start + BLOCK]
        source = rng.integers(count - copies, size=len(part))
        part[:] = near(rows[source], rng)
    return rows


def near(rows, rng):
    """Near-duplicates of rows, float32."""
    noise = rng.standard_normal(rows.shape, np.float32)
    size = np.exp(rng.uniform(*np.log(NOISE), size=[len(rows), 1]))
    return rows.astype(np.float32) + size.astype(np.float32) * noise


def search(rows, seed):
    """The pairs, every step timed."""
    seconds = {}

    @contextlib.contextmanager
    def timed(name):
        started = time.monotonic()
        yield
        seconds[name] = since(started)

    def blocks():
        for start in range(0, len(rows), BLOCK):
            yield rows[start : start + BLOCK].astype(np.float32)

    started = time.monotonic()
    with timed("whiten"):
        whitening = vectors.fit_whitening(next(blocks()), rows.shape[1])
        units = vectors.whitened_rows(blocks, len(rows), whitening)
    with timed("levels"):
        background = scores.background_of(units, seed=seed)
        one = scores.scored(units, background)
    with timed("calibrate"):
        rng = np.random.default_rng(seed + 1)
        sample = rng.integers(len(rows), size=1000)
        copies = whitening.apply(near(rows[sample], rng))
        copies = scores.scored(copies.astype(np.float16), background)
        chosen = calibration.calibrate(
            one.pair_scores(copies, sample, np.arange(len(sample))),
            calibration.neighbour_scores(one, seed=seed),
        )
    with timed("pairs"):
        found = pairs.pairs_within(one, chosen.threshold, seed=seed)
    say(
        "search",
        rows=len(rows),
        seconds=since(started),
        steps=seconds,
        pairs=len(found),
        threshold=chosen.threshold,
        expected_precision=chosen.precision,
        expected_recall=chosen.recall,
        peak_gib=peak_gib(),
    )
    return one, found, chosen.threshold


def exact(one, found, threshold, count, seed):
    """The share of exact pairs of some rows that were found."""
    rng = np.random.default_rng(seed + 2)
    count = min(count, len(one))
    sample = np.sort(rng.choice(len(one), count, replace=False))
    keys = [np.zeros([0], np.int64)]
    for start in range(0, len(one), BLOCK):
        index = faiss.IndexFlatIP(one.rows.shape[1] + 2)
        index.add(one.candidates(slice(start, start + BLOCK)))
        ends, _, other = index.range_search(one.queries(sample), threshold)
        row = np.repeat(sample, np.diff(ends.astype(np.int64)))
        other = other + start
        first, second = np.minimum(row, other), np.maximum(row, other)
        keys.append((first * len(one) + second)[first < second])
    keys = np.unique(np.concatenate(keys))
    ours = np.isin(keys, found.first * len(one) + found.second)
    say(
        "exact",
        queries=count,
        pairs=len(keys),
        share_found=round(float(ours.mean()), 5) if len(keys) else None,
    )


def sklearn(one, threshold):
    """scikit-learn's neighbours on the rows of the search before."""
    from sklearn.neighbors import NearestNeighbors

    cosine = min(0.999, threshold + float(np.mean(one.levels)))
    rows = one.rows.astype(np.float32)
    started = time.monotonic()
    # Of unit rows: (euclidean distance)^2 = 2 - 2 cosine.
    radius = math.sqrt(2 - 2 * cosine)
    model = NearestNeighbors(radius=radius, algorithm="brute").fit(rows)
    neighbours = model.radius_neighbors(rows, return_distance=False)
    say(
        "sklearn",
        rows=len(rows),
        seconds=since(started),
        pairs=sum(len(some) - 1 for some in neighbours) // 2,
        cosine=cosine,
        peak_gib=peak_gib(),
    )


def since(started):
    return round(time.monotonic() - started, 2)


def peak_gib():
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes / 2**20, 2)


def say(name, **facts):
    print(json.dumps({"measured": name, **facts}), flush=True)


if __name__ == "__main__":
    main()
