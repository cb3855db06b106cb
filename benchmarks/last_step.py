"""How long a process stays after its last save.

Runs of a tiny net on the embedded sample are sent SIGTERM, as a spot machine
sends it, some at once; of each the seconds from the signal to the checkpoint on
the disk, and from there to the end of the process.

    python benchmarks/last_step.py --runs=20 --together=5 --seconds=120
    python benchmarks/last_step.py --runs=20 --together=4 --workers=2
    python benchmarks/last_step.py --repository=../another/worktree
"""

import argparse
import glob
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent.parent
SETTINGS = (
    *("epochs=1000000", "batch_size=32", "data.image_size=16"),
    *("model.depth=10", "model.width=0.125", "train.eval_epochs=0"),
    *("train.checkpoint_epochs=1000000", "augment.blur_probs=(0.0,0.0)"),
)
# What a machine that is taken away leaves.
PATIENCE_S = 180


class Run:
    """A run of one process, or of several workers.

    Args:
        repository: folder whose simclr runs.
        workdir: run folder.
        workers: int.
    """

    def __init__(self, repository, workdir, workers):
        self._workdir = workdir
        command = [sys.executable, "-m", "simclr", "pretrain"]
        command += ["--config=configs/demo.py", f"--workdir={workdir}"]
        command += [f"--set={setting}" for setting in SETTINGS]
        ports = [_free_port() for _ in range(workers)]
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        self._processes = []
        for index in range(workers):
            env = {**os.environ, "PYTHONPATH": str(repository)}
            if workers > 1:
                task = {"type": "worker", "index": index}
                env["TF_CONFIG"] = json.dumps(
                    {"cluster": cluster, "task": task}
                )
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=repository,
                    env=env,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def began(self):
        """Whether the first row of metrics is written."""
        self._require(None)
        path = os.path.join(self._workdir, "metrics.jsonl")
        return os.path.exists(path) and os.path.getsize(path) > 0

    def stop(self):
        """Sends the signal to all its processes."""
        self._stopped = time.time()
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        self._ends = {}

    def ended(self):
        """Notes which processes are gone; whether all are."""
        for process in self._processes:
            if process not in self._ends and process.poll() is not None:
                self._ends[process] = time.time()
        late = time.time() > self._stopped + PATIENCE_S
        for process in self._processes:
            if late and process not in self._ends:
                process.kill()
        return len(self._ends) == len(self._processes)

    def seconds(self):
        """(to the save, from there to the end of each process)."""
        self._require(75)
        pattern = os.path.join(self._workdir, "checkpoints", "*.npz")
        saved = max(map(os.path.getmtime, glob.glob(pattern)))
        return saved - self._stopped, [e - saved for e in self._ends.values()]

    def _require(self, status):
        for process in self._processes:
            if process.poll() != status:
                raise SystemExit(f"{self._workdir}: exit {process.poll()}")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait(condition):
    while not condition():
        time.sleep(0.05)


def _measure(arguments, folder):
    """Some runs at once: what Run.seconds gives of each."""
    runs = []
    for i in range(arguments.together):
        workdir = os.path.join(folder, str(i))
        runs.append(Run(arguments.repository, workdir, arguments.workers))
        _wait(runs[-1].began)  # One after the other: imports take all cores.
    time.sleep(arguments.seconds)
    for run in runs:  # Not all at once: they would wait for each other.
        run.stop()
        _wait(run.ended)
    return [run.seconds() for run in runs]


def main():
    """Prints the seconds of all processes, in order."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--together", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repository", type=pathlib.Path, default=HERE)
    arguments = parser.parse_args()
    arguments.repository = arguments.repository.resolve()
    saves, ends = [], []
    while len(saves) < arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            for save, rest in _measure(arguments, folder):
                saves.append(save)
                ends += rest
    for name, values in (("to the save", saves), ("to the end", ends)):
        line = " ".join(f"{x:.2f}" for x in sorted(values))
        print(f"seconds {name}: {line}")
    print(f"within 3 s of the save: {sum(x < 3 for x in ends)} of {len(ends)}")


if __name__ == "__main__":
    main()
