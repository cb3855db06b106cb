"""Time and peak memory of NT-Xent and its gradient, dense and blockwise.

    python benchmarks/nt_xent_blockwise.py

Prints a Markdown table over the rows 2N of the global batch, for plain
TensorFlow and XLA on one replica, and for plain TensorFlow on four logical CPUs
(XLA has no collectives on a CPU). Times are medians of calls that alternate in
one process. Memory is what the first call adds at its peak to a process of its
own, tracing and compilation included, after a call at 64 rows. The dense form
is left out where four times its memory at half the rows is more than the
machine has free.
"""

import argparse
import functools
import os
import re
import subprocess
import sys
import time

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from simclr.losses.nt_xent import BLOCK, nt_xent

WAYS = ("plain", "xla", "4 replicas")
NONE = "does not fit"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[2**i for i in range(10, 16)]
    )
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--block", type=int, default=BLOCK)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--cell", action="store_true", help="memory of the first way and rows"
    )
    arguments = parser.parse_args()
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 4,
    )
    if arguments.cell:
        print(extra_mib(arguments.ways[0], arguments.rows[0], arguments.block))
        return
    print("| 2N | way | dense s | blockwise s | ratio", end=" ")
    print("| dense MiB | blockwise MiB | ratio |\n" + "|---" * 8 + "|")
    for way in arguments.ways:
        largest = 0.0  # MiB of the dense form at the rows before.
        for rows in sorted(arguments.rows):
            forms = {"dense": 0, "blockwise": arguments.block}
            if 4 * largest > status_mib("/proc/meminfo", "MemAvailable"):
                del forms["dense"]
            mib = {name: in_child(way, rows, b) for name, b in forms.items()}
            largest = mib.get("dense", 4 * largest)
            seconds = medians(way, rows, forms, arguments.rounds)
            cells = [rows, way, *row_part(seconds, "{:.3f}")]
            cells += row_part(mib, "{:.0f}")
            print("|", " | ".join(map(str, cells)), "|", flush=True)


def row_part(values, number):
    """Cells: dense, blockwise, and blockwise over dense."""
    blockwise = number.format(values["blockwise"])
    if "dense" not in values:
        return [NONE, blockwise, ""]
    ratio = f"{values['blockwise'] / values['dense']:.3f}"
    return [number.format(values["dense"]), blockwise, ratio]


def medians(way, rows, forms, rounds):
    """Median seconds of each form, called in turn."""
    calls = {name: caller(way, rows, block) for name, block in forms.items()}
    seconds = {name: [] for name in calls}
    for call in calls.values():  # Tracing and compilation.
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.median(times) for name, times in seconds.items()}


def in_child(way, rows, block):
    """`extra_mib` in a process of its own."""
    command = [sys.executable, __file__, "--cell", "--ways", way]
    command += ["--rows", str(rows), "--block", str(block)]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return float(output.split()[-1])


def extra_mib(way, rows, block):
    """What a form's first call adds to this process at its peak, MiB.

    Not a second call's: TensorFlow keeps some of what the first one freed.
    """
    caller(way, 64, min(block, 16))()
    call = caller(way, rows, block)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # The peak starts anew from here.
    before = status_mib("/proc/self/status", "VmRSS")
    call()
    return status_mib("/proc/self/status", "VmHWM") - before


def status_mib(path, name):
    """A value that Linux gives in kB, in MiB."""
    with open(path, encoding="ascii") as file:
        return int(re.search(rf"{name}:\s+(\d+) kB", file.read())[1]) / 1024


@functools.cache
def strategy_of(replicas):
    """One per process: a second one would reuse the collectives' keys."""
    if replicas == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def caller(way, rows, block, d=128):
    """A function that computes loss and gradient of 2N `rows` and waits."""
    replicas = 4 if way == "4 replicas" else 1
    views = np.random.default_rng(0).normal(size=[2, rows // 2, d])
    shards = np.split(views.astype(np.float32), replicas, axis=1)
    strategy = strategy_of(replicas)
    z = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(shards[context.replica_id_in_sync_group])
    )

    def step(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss, scalars = nt_xent(z[0], z[1], block=block)
        return loss, scalars, tape.gradient(loss, z)

    run = tf.function(
        lambda z: strategy.run(step, args=(z,)), jit_compile=way == "xla"
    )

    def call():
        for result in tf.nest.flatten(run(z), expand_composites=True):
            for local in strategy.experimental_local_results(result):
                local.numpy()

    return call


if __name__ == "__main__":
    main()
