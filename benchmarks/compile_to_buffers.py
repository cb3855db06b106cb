"""Compiling for a TPU slice to the end, and up to the buffers: time, memory.

    python benchmarks/compile_to_buffers.py --config=configs/demo.py

Lowers the recipe's step once, then compiles it alternately in both ways, each
in a process of its own, and prints the ratio of the medians.
"""

import argparse
import multiprocessing
import resource
import statistics
import time

from simclr import config as config_lib
from simclr.engines import startup
from simclr.tpu import buffers, compiler, slices
from simclr.training.tasks import TASKS

WAYS = {"to the end": compiler.compile_for, "up to the buffers": buffers.assign}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--topology", default="v5e-8")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    hlo = lower(arguments)
    found = {way: [] for way in WAYS}
    context = multiprocessing.get_context("spawn")
    for _ in range(arguments.rounds):
        for way in WAYS:
            with context.Pool(1) as pool:
                found[way].append(
                    pool.apply(measure, (way, arguments.topology, hlo))
                )
            seconds, gib, needed = found[way][-1]
            print(
                f"{way}: {seconds:.1f} s, {gib:.2f} GiB of the host; the step "
                f"needs {needed:.3f} GiB",
                flush=True,
            )
    whole, part = (
        [statistics.median(column) for column in zip(*found[way])]
        for way in WAYS
    )
    print(
        f"Up to the buffers takes {part[0] / whole[0]:.3f} of the time and "
        f"{part[1] / whole[1]:.2f} of the memory."
    )


def lower(arguments):
    """The recipe's step as HLO, for as many replicas as the slice has."""
    startup.start_tensorflow()
    from simclr.lowering import program

    config = config_lib.load(arguments.config, arguments.set)
    task = TASKS[config.task](config, num_examples=50_000, num_classes=10)
    replicas = slices.get(arguments.topology).replicas
    return program.lower_task(task, replicas=replicas).hlo


def measure(way, topology, hlo):
    """Seconds; GiB of host memory at the peak; GiB that the step needs."""
    started = time.monotonic()
    compiled = WAYS[way](slices.get(topology), hlo)
    seconds = time.monotonic() - started
    peak = max(
        resource.getrusage(whose).ru_maxrss
        for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return seconds, peak / 2**20, compiled.memory / 2**30


if __name__ == "__main__":
    main()
