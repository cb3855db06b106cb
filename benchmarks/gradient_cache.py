"""What gradient caching costs in time and saves in memory.

    python benchmarks/gradient_cache.py --batch_size=1024 --microbatch=64

The plain step and the cached one of the same batch (narrow ResNet-18, 24-pixel
views, NT-Xent) alternate in one process for the time, the ratio of medians.
Peak memory is taken in a process each: what the process holds at most during
two steps, less what it held before the first, when the graph was traced and
the batch was there.
"""

import argparse
import os
import resource
import subprocess
import sys

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from simclr import config as config_lib
from simclr.inference.speed import images_per_second
from simclr.training.tasks import Pretrain

RECIPE = os.path.join(
    os.path.dirname(__file__), "..", "configs", "cifar10_resnet18_cpu.py"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch_size", type=int, default=1024)
    parser.add_argument("--microbatch", type=int, default=64)
    parser.add_argument(
        "--set", nargs="*", default=[], help="settings of both steps"
    )
    parser.add_argument("--memory_of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of is not None:
        print(extra_memory(arguments, arguments.memory_of))
        return
    steps = {"plain": 0, "cached": arguments.microbatch}
    memory = {
        name: int(
            subprocess.run(
                [sys.executable, *sys.argv, f"--memory_of={microbatch}"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
        )
        for name, microbatch in steps.items()
    }
    batch = views(arguments)
    functions = {
        name: traced(arguments, microbatch, batch)
        for name, microbatch in steps.items()
    }
    speeds = images_per_second(
        {
            name: lambda _, f=f: f(batch).numpy()
            for name, f in functions.items()
        },
        {name: batch["view1"] for name in steps},
    )
    for name in steps:
        print(
            f"{name:7} {speeds[name]:8.0f} images/s  "
            f"{memory[name] / 2**20:8.0f} MiB extra"
        )
    print(
        f"cached / plain: time {speeds['plain'] / speeds['cached']:.2f}x, "
        f"extra memory {memory['cached'] / memory['plain']:.2f}x"
    )


def extra_memory(arguments, microbatch):
    """Bytes that two steps add to what the process held before."""
    batch = views(arguments)
    step = traced(arguments, microbatch, batch)
    with open("/proc/self/statm") as file:
        before = int(file.read().split()[1]) * resource.getpagesize()
    for _ in range(2):
        step(batch).numpy()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return peak - before


def traced(arguments, microbatch, batch):
    """A training step whose graph is there: function of a batch to its loss."""
    config = config_lib.load(
        RECIPE,
        [
            f"batch_size={arguments.batch_size}",
            f"train.microbatch={microbatch}",
            *arguments.set,
        ],
    )
    strategy = tf.distribute.get_strategy()
    task = Pretrain(config, num_examples=50_000)
    step = tf.function(lambda batch: task.train_step(strategy, batch)["loss"])
    step.get_concrete_function(batch)
    return step


def views(arguments):
    """A batch of noise, ready as tensors."""
    n, size = arguments.batch_size, config_lib.load(RECIPE).data.image_size
    rng = np.random.default_rng(0)
    return {
        "view1": tf.constant(rng.random([n, size, size, 3], np.float32)),
        "view2": tf.constant(rng.random([n, size, size, 3], np.float32)),
        "label": tf.fill([n], -1),
        "replaced": tf.zeros([n], tf.int32),
    }


if __name__ == "__main__":
    main()
