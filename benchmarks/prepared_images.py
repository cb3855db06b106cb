"""How fast the shards of `simclr prepare --side` load, beside their photos.

    python benchmarks/prepared_images.py --images=PHOTOS [--megapixels=12]

Packs a folder of JPEGs at several sides and quality 90, then decodes each set
and cuts two views of every image (data/views/host.py), in images a CPU-second
(user and system time of all threads). The sets take turns; what is told are
medians over the rounds, of each round's ratio to the photos as they are, too.
`--megapixels` enlarges 24 of the photos first, with noise, as host_path.py.
"""

import argparse
import os
import resource
import statistics
import tempfile

import numpy as np
from host_path import enlarge

from simclr.data.images.reader import Reader
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.data.views.host import load_views
from simclr.data.views.rooms import Rooms

SIDES = (0, 448, 320, 256)  # 0: as they are.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", required=True, help="a folder of JPEGs")
    parser.add_argument("--megapixels", type=float, default=0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.megapixels:
            os.mkdir(large := os.path.join(folder, "large"))
            enlarge(arguments.images, large, arguments.megapixels)
            arguments.images = large
        packed = {
            side: prepare(
                open_source(arguments.images),
                os.path.join(folder, str(side)),
                side=side,
                image_size=arguments.size,
                progress=False,
            )
            for side in SIDES
        }
        readers = {
            side: Reader(open_source(os.path.join(folder, str(side))))
            for side in SIDES
        }
        spent = {side: [] for side in SIDES}
        for round_ in range(1 + arguments.rounds):
            for side, reader in readers.items():
                seconds = load(reader, arguments)
                if round_:  # The first makes ready.
                    spent[side].append(seconds)
    print(f"{arguments.count} images, views of {arguments.size} pixels")
    print("| side | MB | images a CPU-second | times | crops |")
    print("|---|---|---|---|---|")
    for side, seconds in spent.items():
        ratio = statistics.median(x / y for x, y in zip(spent[0], seconds))
        loss = packed[side].crop_loss
        print(
            f"| {side or 'as it is'} | {packed[side].num_bytes / 1e6:.1f} | "
            f"{arguments.count / statistics.median(seconds):.4g} | "
            f"{ratio:.2f} | {loss and loss.in_words(arguments.size)} |"
        )


def load(reader, arguments):
    """CPU-seconds to load two views of so many images."""
    reader = Reader(reader.source, cache_bytes=0)
    rng, rooms = np.random.default_rng(0), Rooms()
    before = cpu_seconds()
    for start in range(0, arguments.count, 100):
        n = min(100, arguments.count - start)
        load_views(
            reader,
            np.arange(start, start + n) % len(reader.source),
            rng.integers(0, 2**31, [n, 2, 2], dtype=np.int32),
            rng.random([n, 2], np.float32),
            size=arguments.size,
            areas=[(0.08, 1.0)] * 2,
            flip_probs=[0.5, 0.5],
            rooms=rooms,
        )
    return cpu_seconds() - before


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
