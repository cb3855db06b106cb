"""What a store of a billion images costs: arithmetic from measured figures.

    python benchmarks/billion_rows.py measure OUT --photos=FOLDER
    python benchmarks/billion_rows.py table

`measure` prints a JSON line of each: bytes of a store's row for 128, 512 and
2,048 features, with thumbnails (random bytes, as long as those of the photos)
and without; and the memory of the process that reads and writes, a row: the
growth of its peak from a store of --rows to one of twice as many. `table`
prints the tables of docs/many_machines.md from the figures below.
"""

import argparse
import json
import multiprocessing
import pathlib
import re
import shutil

import numpy as np
import pyarrow as pa

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.explore import deduplication, looks
from simclr.explore.store import schema, store
from simclr.explore.store.changes import changes

ROWS = 10**9
NEW = 10**6  # Of a day.
BLOCK = 50_000
ROOT = "/images/of/a/source"

# Measured; the doc says where. Hours are of one machine of two cores.
EMBEDDED_S = 1 / 17  # An image, ResNet-50 at 224 pixels.
CLUSTERED_S = 30.5 / 10**6  # A row, 1,024 clusters.
DUPLICATES_S = 65.0  # Of a million rows; grows as n^1.5.
DAY_S = 23.7  # Of 100,000 new rows in a million; grows as sqrt(n) a new row.
ROW_BYTES = {
    (128, False): 283,
    (128, True): 1393,
    (512, False): 1051,
    (512, True): 2160,
    (2048, False): 4124,
    (2048, True): 5232,
}
INDEX_BYTES = 275  # A row of what dedup keeps for the days to come.
DRIVER_BYTES = {"embed": 638, "dedup": 771}
IMAGE_BYTES = 100_000  # Assumed.
NAME_BYTES = 100  # Of an image's facts in a shard, its id most of all; assumed.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("measure")
    one.add_argument("out", type=pathlib.Path)
    one.add_argument("--photos", required=True)
    one.add_argument("--rows", type=int, default=200_000)
    one.set_defaults(function=measure)
    parts.add_parser("table").set_defaults(function=table)
    arguments = parser.parse_args()
    arguments.function(arguments)


def measure(arguments):
    """Bytes of a store's row, and of the memory a row."""
    lengths = lengths_of_thumbnails(arguments.photos)
    say(thumbnail=float(np.mean(lengths)))
    for dims in (128, 512, 2048):
        for some in ([], lengths):
            path = fresh(arguments.out / "bytes")
            begin(path, 20_000, dims, some)
            size = disk(pathlib.Path(path) / "images.lance") / 20_000
            say(features=dims, thumbnails=bool(some), bytes=size)
    for part in (embed, dedup):
        peaks = []
        for rows in (arguments.rows, 2 * arguments.rows):
            path = fresh(arguments.out / "memory")
            begin(path, rows, 128, [])
            peaks.append(in_a_process(part, path, rows))
        growth = (peaks[1] - peaks[0]) / arguments.rows
        say(driver=part.__name__, bytes=growth, peak_gib=peaks[1] / 2**30)
    index = disk(pathlib.Path(path) / "duplicates_rows.lance")
    say(index=index / (2 * arguments.rows))


def say(**row):
    print(json.dumps(row), flush=True)


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    return str(path)


def disk(folder):
    """Bytes of all files of a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def lengths_of_thumbnails(photos):
    """Bytes of the thumbnails of the first two hundred photos of a folder."""
    reader = Reader(open_source(photos), cache_bytes=0)
    images = (reader.load(i)[0] for i in range(min(200, len(reader.source))))
    return [len(looks.look(image)["thumbnail"]) for image in images]


def name_of(number):
    return f"{ROOT}/{number // 1000:06d}/{number:012d}.jpg"


def begin(path, rows, dims, lengths):
    """A store of rows as `simclr embed` leaves them.

    Args:
        path: str.
        rows: int.
        dims: int.
        lengths: list of int, of thumbnails; empty: none.
    """
    encoder = schema.Encoder(1, "0123456789abcdef", "run", 1, 224, dims)

    def batches():
        for start in range(0, rows, BLOCK):
            size = min(BLOCK, rows - start)
            rng = np.random.default_rng(start)
            every = range(start, start + size)
            images = schema.images_table(
                {
                    "id": [name_of(i) for i in every],
                    "source": [ROOT] * size,
                    "bytes": rng.integers(10**5, 10**6, size),
                    "time": rng.integers(10**15, 2 * 10**15, size),
                    "width": [1024] * size,
                    "height": [768] * size,
                    "sharpness": rng.random(size),
                    "thumbnail": [
                        rng.bytes(lengths[i % len(lengths)])
                        if lengths
                        else None
                        for i in every
                    ],
                    "day": ["2026-11-28"] * size,
                }
            )
            h = rng.normal(size=[size, dims]).astype(np.float16)
            h[-size // 20 :] = h[: -(-size // 20)]
            flat = pa.array(h.reshape(-1))
            yield from (
                images.append_column(
                    "vector", pa.FixedSizeListArray.from_arrays(flat, dims)
                )
                .append_column("model", pa.array([encoder.fingerprint] * size))
                .to_batches()
            )

    with store.held(path):
        store.begin(path, encoder, batches())


def in_a_process(function, *arguments):
    """The peak of a part's memory, bytes, in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_peak, args=(theirs, function, *arguments)
    )
    process.start()
    found = ours.recv()
    process.join()
    return found


def _peak(pipe, function, *arguments):
    function(*arguments)
    status = pathlib.Path("/proc/self/status").read_text()  # This one's own.
    pipe.send(1024 * int(re.search(r"VmHWM:\s*(\d+)", status)[1]))


def embed(path, rows):
    """What `simclr embed` does of a source before and after its shards."""
    opened = store.Store(path)
    ids = [name_of(i) for i in range(rows)]
    stamps = [(i + 10**5, i + 10**15) for i in range(rows)]
    changes(opened, opened.current, ROOT, ids, stamps)


def dedup(path, rows):
    """Duplicates of all of it, the threshold given."""
    with store.held(path):
        deduplication.dedup(store.Store(path), threshold=0.3)


def table(arguments):
    """Prints the tables."""
    large = ROWS / 10**6
    day = DAY_S / 100_000 * large**0.5 * NEW
    hours = {
        "embed": (EMBEDDED_S * ROWS, "all images once"),
        "cluster": (CLUSTERED_S * ROWS, "one machine: not on Ray"),
        "dedup": (DUPLICATES_S * large**1.5, "all images once"),
        "assign": (day, f"a day of {NEW:,} new images"),
    }
    print("| command | hours of a machine | of what |\n|---|---|---|")
    for name, (seconds, words) in hours.items():
        print(f"| {name} | {seconds / 3600:,.1f} | {words} |")
    print("\n| features | bytes a row | a billion, TB | with thumbnails, TB |")
    print("|---|---|---|---|")
    for dims in (128, 512, 2048):
        plain, looks_too = (ROW_BYTES[dims, some] for some in (False, True))
        print(
            f"| {dims} | {plain:,}; with thumbnails {looks_too:,} | "
            f"{plain * ROWS / 1e12:.2f} | {looks_too * ROWS / 1e12:.2f} |"
        )
    index = INDEX_BYTES * ROWS / 1e12
    print(f"| the index of dedup | {INDEX_BYTES} | {index:.2f} | |")
    print("\n| memory of the driver | bytes a row | a billion | 64 GiB hold |")
    print("|---|---|---|---|")
    for name, size in DRIVER_BYTES.items():
        print(
            f"| {name} | {size:,} | {size * ROWS / 2**30:,.0f} GiB | "
            f"{64 * 2**30 / size / 1e6:,.0f} million rows |"
        )
    print("\n| what crosses the network | a row, bytes | a billion, TB |")
    print("|---|---|---|")
    thumbnail = ROW_BYTES[128, True] - ROW_BYTES[128, False]
    moved = {
        "embed, 2,048 features: workers to driver": (
            2 * 2048 + thumbnail + NAME_BYTES
        ),
        "embed: images to the workers": IMAGE_BYTES,
        # Rows for the levels; rows and levels for the pairs.
        "dedup: driver to each machine": 2 * 128 + 2 * 128 + 4,
        # Rows for their cells; then which rows are in a cell, 15 numbers.
        "dedup: driver to all machines together": 2 * 128 + 15 * 8,
        "assign: the index, driver to all machines together": 2 * 128 + 16,
    }
    for name, size in moved.items():
        print(f"| {name} | {size:,} | {size * ROWS / 1e12:.2f} |")


if __name__ == "__main__":
    main()
