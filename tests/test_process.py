"""Runs as real processes: killed, preempted, on two workers."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from tests import tiny

RECIPE = """
import dataclasses
from simclr.config import Data, Train
from tests import tiny

config = dataclasses.replace(
    tiny.CONFIG,
    epochs={epochs},
    data=Data(source={photos!r}, image_size=16),
    train=Train(log_steps=2, eval_epochs=0, checkpoint_epochs=0.5),
)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """JPEGs so large that views take them at their size, at 1/2 and at 1/4."""
    folder = tiny.write_photos(tmp_path_factory.mktemp("photos"), side=150)
    for path in folder.glob("*/*.png"):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    return folder


def start(photos, workdir, epochs=8, extra_env=(), settings=(), **flags):
    """Starts `simclr pretrain` on a tiny recipe."""
    recipe = f"{workdir}.py"
    with open(recipe, "w") as file:
        file.write(RECIPE.format(photos=str(photos), epochs=epochs))
    flags = {"config": recipe, "workdir": workdir, "strategy": "cpu"} | flags
    return subprocess.Popen(
        [sys.executable, "-m", "simclr", "pretrain"]
        + [f"--{name}={value}" for name, value in flags.items()]
        + [f"--set={setting}" for setting in settings],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **dict(extra_env)},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, status=0):
    """Waits; returns what was said, after checking the exit status."""
    said = process.communicate(timeout=300)[1]
    assert process.returncode == status, said
    return said


def rows(workdir):
    return [
        {k: v for k, v in row.items() if k != "images_per_second"}
        for row in metrics.read(f"{workdir}/metrics.jsonl")
    ]


def wait_for_step(workdir, step):
    """Until the run has written a row of at least `step`."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        written = metrics.read(f"{workdir}/metrics.jsonl")
        if written and written[-1]["step"] >= step:
            return
        time.sleep(0.02)
    pytest.fail(f"no step {step} in {workdir}")


def assert_same_end(one, other):
    """Bit-identical weights, optimizer state and metrics."""
    assert rows(one) == rows(other)
    step, arrays = checkpoint.read_newest(run_folder.checkpoints(one))
    other_step, others = checkpoint.read_newest(run_folder.checkpoints(other))
    assert step == other_step
    assert set(arrays) == set(others)
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], name)


@pytest.mark.slow
def test_killed_and_preempted_runs_end_like_an_undisturbed_one(
    photos, tmp_path
):
    """SIGKILL at a random step, SIGTERM later, then to the end: same bits."""

    def begin(name):  # Long enough to be still at work when it is stopped.
        return start(photos, f"{tmp_path}/{name}", epochs=60)

    finish(begin("undisturbed"))

    workdir = f"{tmp_path}/disturbed"
    killed = begin("disturbed")
    wait_for_step(workdir, random.randint(1, 12))
    time.sleep(random.uniform(0, 0.2))
    killed.kill()
    killed.communicate()
    reached = metrics.read(f"{workdir}/metrics.jsonl")[-1]["step"]

    preempted = begin("disturbed")
    wait_for_step(workdir, reached + 2)  # It is at work, not at its start.
    preempted.send_signal(signal.SIGTERM)
    said = finish(preempted, status=75)
    assert "SIGTERM" in said and "resumes from here" in said

    finish(begin("disturbed"))
    assert_same_end(f"{tmp_path}/undisturbed", workdir)


def start_two(photos, workdir, engine, **options):
    """Two workers of one run on this machine; (processes, their ports)."""
    if engine == "pjrt":
        pytest.importorskip("jax")
    ports = [free_port(), free_port()]
    workers = [f"localhost:{port}" for port in ports]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": workers}, "task": task}
        environ = {"JAX_PLATFORMS": "cpu", "TF_CONFIG": json.dumps(cluster)}
        processes.append(
            start(
                photos,
                workdir,
                strategy="auto",
                engine=engine,
                extra_env=environ.items(),
                **options,
            )
        )
    return processes, ports


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "pjrt"])
def test_two_workers_train_as_one(photos, tmp_path, engine):
    """MultiWorkerMirroredStrategy, and jax.distributed, by TF_CONFIG: two
    processes, one machine.

    In float64, so that what both evaluate on the way is the same, too.
    """
    options = {
        "epochs": 3,
        "settings": ("train.eval_epochs=1", "train.precision=float64"),
    }
    alone = start(photos, f"{tmp_path}/alone", **options)
    workers, _ = start_two(photos, f"{tmp_path}/together", engine, **options)
    for process in (alone, *workers):
        finish(process)
    one, two = (rows(f"{tmp_path}/{name}") for name in ("alone", "together"))
    assert [row.keys() for row in one] == [row.keys() for row in two]
    assert sum("untrained_knn" in row for row in one) == 1  # Of step 0.
    # Of each epoch; the last one waits for the end.
    assert sum("knn" in row for row in one) == 3
    for row, same in zip(one, two):
        assert same == pytest.approx(row, rel=1e-5)
    facts = run_folder.read_facts(f"{tmp_path}/together")
    assert facts["replicas"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine, victim",
    # Without its first process jax ends the others itself, in its own words.
    [("tensorflow", 0), ("tensorflow", 1), ("pjrt", 1)],
)
def test_a_worker_that_is_killed_is_named(photos, tmp_path, engine, victim):
    """The other one ends by itself, and tells."""
    workdir = f"{tmp_path}/run"
    workers, ports = start_two(photos, workdir, engine, epochs=400)
    wait_for_step(workdir, 2)
    workers[victim].kill()
    workers[victim].communicate()
    said = finish(workers[1 - victim], status=1)
    assert said.splitlines()[-1] == (
        f"simclr: worker {victim} at localhost:{ports[victim]} is gone; start "
        "the same command on all machines again."
    )
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_waits_for_another_stops_at_once(
    photos, tmp_path, number
):
    (alone, other), ports = start_two(photos, f"{tmp_path}/run", "tensorflow")
    other.kill()
    other.communicate()
    while f"for worker 1 at localhost:{ports[1]}" not in (
        line := alone.stderr.readline()
    ):
        assert line, "it has ended"
    alone.send_signal(number)
    finish(alone, status=75)


def free_port():
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
