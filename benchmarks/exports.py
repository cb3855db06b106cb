"""The formats of simclr export side by side: difference, size, latency.

    python benchmarks/exports.py

Two nets with random weights: ResNet-18 x0.25 at 32 pixels and MobileNetV3-Small
at 64. The latency is that of one image of 200 x 150 pixels, of 8 and of 64 of
them, ms an image: medians of --rounds, in which the formats take turns. The
table is printed as Markdown.
"""

import argparse
import os
import statistics
import tempfile
import time

import keras
import numpy as np

from simclr.config import Config, Data, Model
from simclr.data.sources.registry import open_source
from simclr.export import check, fresh, net, written
from simclr.export.formats import FORMATS
from simclr.models import heads
from simclr.models.backbones import build_encoder
from simclr.models.variables import named_variables
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder

NETS = {
    "ResNet-18 x0.25, 32 pixels": (
        Model(depth=18, width=0.25, stem="cifar"),
        32,
    ),
    "MobileNetV3-Small, 64 pixels": (Model(name="mobilenet_v3_small"), 64),
}
BATCHES = (1, 8, 64)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print("| net | format | difference | MB | ms, batch 1 | of 8 | of 64 |")
    print("|---|---|---|---|---|---|---|")
    for title, (model, size) in NETS.items():
        with tempfile.TemporaryDirectory() as folder:
            built = net.build(weights.load_parts(run(folder, model, size)))
            shown = check.images_of(open_source("sample/test"))
            out = os.path.join(folder, "export")
            found = written.write(built, tuple(FORMATS), shown, out, str)
            paths = {k: f"{out}/{name}" for k, (name, _) in FORMATS.items()}
            times = latencies(paths, rounds)
            for kind, path in paths.items():
                speeds = " | ".join(f"{ms:.1f}" for ms in times[kind])
                print(
                    f"| {title} | {kind} | {found[kind]:.1e} | "
                    f"{bytes_of(path) / 1e6:.1f} | {speeds} |",
                    flush=True,
                )


def run(folder, model, size):
    """A run of a pretrained net, weights as they start."""
    config = Config(model=model, data=Data(image_size=size))
    keras.utils.set_random_seed(0)
    encoder = build_encoder(model, size)
    head = heads.build_head(model, encoder.output["h"].shape[-1])
    facts = {"data": {"images": 0, "fingerprint": ""}, "classes": None}
    with run_folder.open_run(folder, config, facts):
        checkpoint.save(
            run_folder.checkpoints(folder),
            0,
            named_variables(encoder=encoder, head=head),
        )
    return folder


def latencies(paths, rounds):
    """dict of format -> median ms an image, for each of BATCHES."""
    loaded = {kind: fresh.LOADERS[kind](path) for kind, path in paths.items()}
    rng = np.random.default_rng(0)
    found = {kind: [] for kind in paths}
    for n in BATCHES:
        images = rng.integers(0, 256, [n, 150, 200, 3], dtype=np.uint8)
        taken = {kind: [] for kind in paths}
        for _ in range(rounds + 1):  # The first traces and allocates.
            for kind, answer in loaded.items():
                started = time.perf_counter()
                np.asarray(answer(images)["features"])
                taken[kind].append(time.perf_counter() - started)
        for kind, seconds in taken.items():
            found[kind].append(1000 * statistics.median(seconds[1:]) / n)
    return found


def bytes_of(path):
    """The size of a file, or of all files in a folder."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
    )


if __name__ == "__main__":
    main()
