"""How far mixed_bfloat16 is from float32 over 50 steps, net by net.

    python benchmarks/bfloat16_difference.py

Each net of the family, at a quarter of its width, trains on the embedded sample
with the same draws in both precisions, and in float32 with another seed of the
weights for scale. Printed: the mean loss of the last ten steps in both, and the
mean over all steps of the loss's difference between them, and between the two
seeds.
"""

import argparse
import dataclasses
import os
import tempfile

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from simclr import config as config_lib
from simclr.runs import metrics
from simclr.training import loop

NETS = {
    "ResNet-18": {"depth": 18},
    "ResNet-34": {"depth": 34},
    "ResNet-50": {"depth": 50},
    "ResNet-50 SK": {"depth": 50, "sk_ratio": 0.0625},
    "ResNet-50 SE": {"depth": 50, "se_ratio": 0.25},
    "ResNet-101 SK": {"depth": 101, "sk_ratio": 0.0625},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch_size", type=int, default=128)
    arguments = parser.parse_args()
    print(f"{'net':14} float32 bfloat16 difference (two seeds)")
    for name, model in NETS.items():
        curve = losses(model, "float32", 0, arguments)
        other = losses(model, "mixed_bfloat16", 0, arguments)
        seed = losses(model, "float32", 1, arguments)
        print(
            f"{name:14} {curve[-10:].mean():7.3f} {other[-10:].mean():8.3f} "
            f"{np.abs(curve - other).mean():10.3f} "
            f"({np.abs(curve - seed).mean():.3f})",
            flush=True,
        )


def losses(model, precision, seed, arguments):
    """Losses of every step, float [steps]."""
    config = config_lib.load("configs/sample_resnet18.py")
    config = dataclasses.replace(
        config,
        seed=seed,
        batch_size=arguments.batch_size,
        epochs=(arguments.steps - 0.5) * arguments.batch_size / 12_000,
        model=dataclasses.replace(config.model, head_layers=3, **model),
        # All 50 steps in the warm-up: a curve that falls, not one that jumps.
        optimizer=dataclasses.replace(config.optimizer, warmup_epochs=2.0),
        train=dataclasses.replace(
            config.train, precision=precision, log_steps=1, eval_epochs=0
        ),
    )
    with tempfile.TemporaryDirectory() as workdir:
        loop.train(config, workdir, tf.distribute.get_strategy())
        rows = metrics.read(os.path.join(workdir, "metrics.jsonl"))
    return np.array([row["loss"] for row in rows if "loss" in row])


if __name__ == "__main__":
    main()
