"""The streaming forward pass, beside what bounds it.

    python benchmarks/forward_pass.py --net=18 --width=0.25 --images=CIFAR10
    python benchmarks/forward_pass.py --net=50 --size=224 --images=PHOTOS

Decoding alone (every view made, none looked at), the forward pass alone (one
ready batch again and again) and the pass (features.batches) take turns in one
process. Where both share the cores, the pass cannot take less than the sum of
the others: its share of that bound is (decoding + forward) / pass, in seconds
an image. Two clocks tell it: the wall's, which other processes disturb, and
the CPU time of this process, which leaves out idle cores. Medians over the
rounds of each round's share, and of images/s.
"""

import argparse
import os
import time

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.inference import features
from simclr.inference import views as host
from simclr.inference.forward import Infer
from simclr.models.encoders.resnet import resnet


class Uncached(Reader):
    """Decodes an image at every look, as a pass over new images does."""

    def _keep(self, index, image):
        """Nothing is kept."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", type=int, default=18, help="layers")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", default="sample/train")
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    reader = Uncached(open_source(arguments.images))
    rows = np.arange(min(arguments.count, len(reader.source)))
    encoder = resnet(
        depth=arguments.net,
        width=arguments.width,
        stem="cifar" if arguments.size <= 64 else "imagenet",
    )
    infer = Infer(
        lambda x: encoder(x, training=False)["h"], tf.distribute.get_strategy()
    )
    jobs = {
        "decoding alone": lambda: decode(reader, rows, arguments.size),
        "forward alone": lambda: forward(infer, len(rows), arguments.size),
        "the pass": lambda: embed(infer, reader, rows, arguments.size),
    }
    seconds = {name: [] for name in jobs}  # [rounds, (wall, CPU)]
    for round_ in range(1 + arguments.rounds):
        for name, job in jobs.items():
            wall, cpu = time.monotonic(), time.process_time()
            job()
            spent = time.monotonic() - wall, time.process_time() - cpu
            if round_:  # The first traces.
                seconds[name].append(spent)
    report(seconds, len(rows))


def batch_size(size, count):
    """What the pass takes by itself."""
    return features._share(count, (size, size, 3), 1, 1, 0)


def decode(reader, rows, size):
    """Every view, made as the pass makes them."""
    b = batch_size(size, len(rows))
    parts = (rows[i : i + b] for i in range(0, len(rows), b))
    for _ in host.batches(host.CenterViews(reader, size), parts, b):
        pass


def forward(infer, count, size):
    """As many images through the net, one batch again and again."""
    b = batch_size(size, count)
    images = np.random.default_rng(0).random([b, size, size, 3], np.float32)
    for _ in range(-(-count // b)):
        np.asarray(infer(images))


def embed(infer, reader, rows, size):
    """The pass."""
    for _ in features.batches(
        infer, reader, rows, image_size=size, progress=False
    ):
        pass


def report(seconds, count):
    """Prints medians."""
    spent = {name: np.array(s) for name, s in seconds.items()}
    for name, s in spent.items():
        wall, cpu = np.median(s, axis=0)
        print(
            f"{name:15} {count / wall:8,.0f} images/s  "
            f"{count / cpu:8,.0f} images/CPU-s"
        )
    share = (spent["decoding alone"] + spent["forward alone"]) / spent[
        "the pass"
    ]
    wall, cpu = np.median(share, axis=0)
    print(f"share of the bound: {wall:.2f} by the wall, {cpu:.2f} by CPU time")


if __name__ == "__main__":
    main()
