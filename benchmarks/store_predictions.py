"""What a classifier says, into a store of very many images: how long.

    python benchmarks/store_predictions.py OUT --rows=10000000 --said=1000000

Makes a store of drawn vectors, without thumbnails, and writes predictions of
some of its images (simclr/explore/predicted.py), not in the order of the table.
Prints the seconds and the peak of the process's memory in GiB.
"""

import argparse
import json
import resource
import time

import numpy as np
import pyarrow as pa

from simclr.data.source import Source
from simclr.explore import predicted
from simclr.explore.store import schema, store

DIMS, BLOCK = 128, 50_000
ENCODER = schema.Encoder(1, "made", "made", 1, 32, DIMS)
ROOT = "/photos"


class Numbered(Source):
    """Images whose names are numbers."""

    def id(self, index):
        return f"{index:09d}.jpg"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", help="the store, to be made")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--said", type=int, default=500_000)
    arguments = parser.parse_args()
    with store.held(arguments.out):
        store.begin(arguments.out, ENCODER, made(arguments.rows))
    some = np.random.default_rng(0).permutation(arguments.rows)
    said = [(int(i), f"class {i % 10}") for i in some[: arguments.said]]
    started = time.monotonic()
    known = predicted.note(arguments.out, ROOT, Numbered("made"), said)
    row = {
        "rows": arguments.rows,
        "predictions": known,
        "seconds": round(time.monotonic() - started, 1),
        "peak_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
        ),
    }
    print(json.dumps(row))


def made(count):
    """Yields batches of live rows."""
    names = Numbered("made")
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        drawn = np.random.default_rng(start).normal(size=[stop - start, DIMS])
        flat = pa.array(drawn.astype(np.float16).reshape(-1))
        rows = schema.images_table(
            {
                "id": [f"{ROOT}/{names.id(i)}" for i in range(start, stop)],
                "source": [ROOT] * (stop - start),
                "day": ["2026-01-01"] * (stop - start),
            }
        )
        cells = {
            "vector": pa.FixedSizeListArray.from_arrays(flat, DIMS),
            "model": pa.array([ENCODER.fingerprint] * (stop - start)),
        }
        for name, cell in cells.items():
            rows = rows.append_column(name, cell)
        yield from rows.to_batches()


if __name__ == "__main__":
    main()
