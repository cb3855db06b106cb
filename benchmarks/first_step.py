"""Where the time until the second step of a training goes.

    python benchmarks/first_step.py --against=OTHER_WORKTREE -- \
        pretrain --config=configs/cifar10_resnet18.py --set batch_size=64

starts the command in this repository and in the other, in turn, with empty
caches, until it says "step 2/"; with --until=traced until TensorFlow runs the
first step. A thread in the process looks at the main thread's stack all the
while and notes to which part the time went. --warm starts each twice and counts
the second.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent.parent
# A part, and what a file's name on the stack tells it by; the first that fits.
PARTS = {
    "import": ("<frozen importlib",),
    "baselines": ("simclr/training/monitor", "simclr/evaluation/"),
    "autograph": ("tensorflow/python/autograph/pyct",),
    "data": ("simclr/data/", "simclr/engines/inputs"),
    "trace": ("polymorphic_function/tracing", "framework/func_graph"),
    "steps": ("polymorphic_function/polymorphic_function",),
    "build": ("simclr/training/tasks", "simclr/models/"),
}
WATCHED = """
import json, os, sys, threading, time

parts, path, end = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
main, spent = threading.main_thread().ident, {}

def part():
    frame, files = sys._current_frames()[main], []
    while frame:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    for name, signs in parts.items():
        if any(sign in file for file in files for sign in signs):
            return name
    return "other"

def watch():
    last = time.monotonic()
    while True:
        time.sleep(0.02)
        name, now = part(), time.monotonic()
        spent[name] = spent.get(name, 0) + now - last
        last = now
        with open(path, "a") as file:  # Its last line may be cut.
            print(json.dumps(spent), file=file)
        if name == "steps" and end == "traced":
            print("traced", flush=True)

threading.Thread(target=watch, daemon=True).start()
from simclr.__main__ import main as simclr
os._exit(simclr(sys.argv[4:]))
"""


def measure(repository, command, until, cache):
    """One start: dict of part -> seconds, with "step 1", "all" and the rest."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "parts.json")
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED, json.dumps(PARTS), path, until]
            + [*command, f"--workdir={folder}/run"],
            cwd=repository,
            env={
                **os.environ,
                "PYTHONPATH": str(repository),
                "XDG_CACHE_HOME": cache,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started, said, first = time.monotonic(), [], None
        for line in process.stdout:
            said.append(line)
            if line.startswith("step 1/"):
                first = time.monotonic() - started
            if line.startswith(until):
                break
        else:
            raise SystemExit(f"{repository}: no {until!r} in\n{''.join(said)}")
        whole = time.monotonic() - started
        process.kill()
        process.wait()
        with open(path) as file:
            parts = json.loads(file.read().rpartition("\n")[0].splitlines()[-1])
    parts = {name: parts.get(name, 0.0) for name in [*PARTS, "other"]}
    return {**parts, "until step 1": first or whole, "all": whole}


def main():
    """Prints the median seconds of each part, a column for a repository."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--until", default="step 2/")
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    repositories = [HERE]
    if arguments.against:
        repositories.append(arguments.against.resolve())
    found = {repository: [] for repository in repositories}
    for _ in range(arguments.rounds):
        for repository in repositories:
            cache = tempfile.mkdtemp()
            for _ in range(1 + arguments.warm):
                parts = measure(
                    repository, arguments.command, arguments.until, cache
                )
            found[repository].append(parts)
            shutil.rmtree(cache, ignore_errors=True)
    print(f"{'seconds':14}", *(f"{r.name:>10}" for r in repositories))
    for name in found[HERE][0]:
        medians = [
            statistics.median(parts[name] for parts in found[repository])
            for repository in repositories
        ]
        print(f"{name:14}", *(f"{median:10.1f}" for median in medians))


if __name__ == "__main__":
    main()
