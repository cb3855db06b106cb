"""A day in a store of very many images: how long, in how much memory.

    python benchmarks/explore_day.py OUT --rows=1000000

Makes a store of a Gaussian mixture of 1,024 parts in 128 dimensions, of which
5 % are near-duplicates of others, without thumbnails; clusters it and finds
its duplicates once. Then, in a process of its own, a day of --new rows comes:
they are appended, assigned, looked at for duplicates and candidates of new
clusters, and reported (CSV and sheet). Embedding is not in it. Prints a JSON
line of each part: seconds, and the peak of the process's memory in GiB.

OUT is kept: the same command again has only the day to do, of other rows.
"""

import argparse
import json
import multiprocessing
import pathlib
import resource
import shutil
import time

import numpy as np
import pyarrow as pa

from simclr.explore import assigning, clustering, daily, deduplication
from simclr.explore.reports import of_day
from simclr.explore.store import schema, store

PARTS, DIMS = 1024, 128
COPIES = 0.05
SPREAD, NEAR = 0.5, 0.1  # Of a part, and of a duplicate.
BLOCK = 50_000
ENCODER = schema.Encoder(1, "made", "made", 1, 32, DIMS)
THRESHOLD = 0.12  # Of scores: above those of others in a part.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=PARTS)
    arguments = parser.parse_args()
    whole = arguments.out / f"store_{arguments.rows}"
    if not (whole / "duplicates_rows.lance").exists():
        shutil.rmtree(whole, ignore_errors=True)
        in_a_process(begin, str(whole), arguments.rows)
        in_a_process(cluster, str(whole), arguments.clusters)
        in_a_process(dedup, str(whole))
    day = f"2026-01-{2 + len(list(whole.glob('days/*'))):02d}"
    in_a_process(one_day, str(whole), arguments.new, day)


def in_a_process(function, *arguments):
    """Runs a part by itself, so that its peak of memory is its own."""
    process = multiprocessing.get_context("spawn").Process(
        target=_measured, args=(function, *arguments)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def _measured(function, *arguments):
    started = time.monotonic()
    found = function(*arguments) or {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {
        "part": function.__name__,
        "seconds": round(time.monotonic() - started, 1),
        "peak_gib": round(peak, 2),
        **found,
    }
    print(json.dumps(row), flush=True)


def made(first, count, day):
    """Yields pa.RecordBatch of rows, a function of their numbers alone."""
    centres = np.random.default_rng(0).normal(size=[PARTS, DIMS])
    for start in range(first, first + count, BLOCK):
        size = min(BLOCK, first + count - start)
        rng = np.random.default_rng([1, start])
        part = rng.integers(PARTS, size=size)
        rows = centres[part] + SPREAD * rng.normal(size=[size, DIMS])
        copies = int(COPIES * size)
        rows[-copies:] = rows[:copies] + NEAR * rng.normal(size=[copies, DIMS])
        ids = [f"/made/{i:09d}" for i in range(start, start + size)]
        images = schema.images_table(
            {"id": ids, "source": ["/made"] * size, "day": [day] * size}
        )
        flat = pa.array(rows.astype(np.float16).reshape(-1))
        images = images.append_column(
            "vector", pa.FixedSizeListArray.from_arrays(flat, DIMS)
        ).append_column("model", pa.array([ENCODER.fingerprint] * size))
        yield from images.to_batches()


def begin(path, rows):
    """The store's table."""
    with store.held(path):
        store.begin(path, ENCODER, made(0, rows, "2026-01-01"))


def cluster(path, k):
    """Clusters it once."""
    with store.held(path):
        clustering.cluster(store.Store(path), k=k, day="2026-01-01")


def dedup(path):
    """Finds its duplicates once."""
    with store.held(path):
        found = deduplication.dedup(store.Store(path), threshold=THRESHOLD)
    return {"duplicates": found.duplicates}


def one_day(path, count, day):
    """Appends, assigns, finds duplicates, reports."""
    seconds = {}

    def took(name):
        now = time.monotonic()
        seconds[name] = round(now - took.last, 1)
        took.last = now

    batches = list(made(1_000_000_000 + 10**6 * int(day[-2:]), count, day))
    took.last = time.monotonic()
    with store.held(path):
        opened = store.Store(path)
        opened.append(batches)
        took("append")
        found = assigning.assign(opened, day=day)
        took("assign")
    table = daily.table_of(opened, day)
    took("table")
    of_day.write(f"{path}/days/{day}", opened, day, table)
    took("report")
    return {
        "day": round(sum(seconds.values()), 1),
        **seconds,
        "rows": opened.count(),
        "duplicates": len(table) - table["duplicate"].null_count,
        "born": len(found.born),
    }


if __name__ == "__main__":
    main()
