"""A long run of tiny steps: do memory, files and threads stay flat?

    python -m tests.faults.long_run --minutes=60

It samples what /proc says of a pretraining with evaluations and checkpoints,
leaves the first fifth out, in which all is allocated that stays, and prints
the slope of a line through the rest.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import numpy as np

from simclr.runs import metrics
from tests.faults import cases

_EVERY_S = 5.0
_RECIPE = """
from simclr.config import Train
from tests import tiny

config = tiny.config(
    {photos!r},
    epochs=1000000,
    train=Train(
        log_steps=20, eval_epochs=50.0, checkpoint_epochs=25.0
    ),
)
"""


def sample(pid):
    """(resident MiB, open files, threads) of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    words = dict(line.split(":", 1) for line in status.splitlines())
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return int(words["VmRSS"].split()[0]) / 1024, files, int(words["Threads"])


def main():
    """Prints a table: first and last value, and the slope per hour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="simclr-long-") as place:
        cases.write_material(place)
        recipe = os.path.join(place, "long.py")
        text = _RECIPE.format(photos=os.path.join(place, "photos"))
        pathlib.Path(recipe).write_text(text)
        run = os.path.join(place, "run")
        process = subprocess.Popen(
            cases.command(
                ["pretrain", f"--config={recipe}", f"--workdir={run}"]
                + ["--strategy=cpu"]
            ),
            env=cases.environment(cases.Case(None), place)[0],
            stderr=subprocess.DEVNULL,
        )
        try:
            times, values = [], []
            began = time.monotonic()
            while (now := time.monotonic() - began) < 60 * minutes:
                time.sleep(_EVERY_S)
                values.append(sample(process.pid))
                times.append(now / 3600)
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=600)
        finally:
            process.kill()
        steps = metrics.read(f"{run}/metrics.jsonl")[-1]["step"]
    begin = len(times) // 5
    print(f"{steps:,} steps in {minutes:g} minutes; status {status}")
    print("| | after a fifth | at the end | slope an hour |")
    print("|---|---|---|---|")
    for name, of_time in zip(("MiB", "files", "threads"), zip(*values)):
        slope = np.polyfit(times[begin:], of_time[begin:], 1)[0]
        first, last = of_time[begin], of_time[-1]
        print(f"| {name} | {first:.0f} | {last:.0f} | {slope:+.2f} |")


if __name__ == "__main__":
    main()
