"""--profile: where the time of some steps went."""

import contextlib
import glob
import os
import re
import time
import types

import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from simclr.commands.train.pretrain import pretrain
from simclr.config import Train
from simclr.engines.profiling import profiled, trace
from simclr.runs import metrics
from simclr.training import loop
from simclr.training.tasks import pretrain as task
from tests import tiny, tiny_step
from tests.conftest import four_replicas


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"))


class Engine:
    """Takes 2 seconds for a batch and 5 for a step, on a clock of its own."""

    def __init__(self, monkeypatch, bad_at=None):
        self.now = self.steps = 0
        self.calls, self.bad_at = [], bad_at
        self.batches = self.pull = self.no_sums = None
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    @contextlib.contextmanager
    def traced(self, folder):
        self.calls.append("trace")
        yield
        self.calls.append("end")

    def take(self, batches):
        self.now += 2
        return self.steps

    def train_step(self, batch, sums):
        assert batch == self.steps
        self.now += 5
        return self._step(1, sums)

    def train_steps(self, batches, count, sums):
        return self._step(count, sums)

    def _step(self, count, sums):
        self.calls.append(count)
        first, self.steps = self.steps, self.steps + count
        bad = -1
        if self.bad_at is not None and first <= self.bad_at < self.steps:
            bad = self.bad_at - first
        return sums + count, None, bad


def test_some_steps_are_looked_at_and_the_rest_are_not(monkeypatch, tmp_path):
    said = []
    inner = Engine(monkeypatch)
    engine = profiled.ProfiledEngine(inner, str(tmp_path), said.append, steps=4)
    sums, _, bad = engine.train_steps(None, 1, 0)
    assert (sums, bad, inner.calls) == (1, -1, [1])
    inner.now += 1000  # Before the trace: nobody's time.
    sums, _, bad = engine.train_steps(None, 4, sums)
    inner.now += 1  # Between two calls: the host's.
    sums, _, bad = engine.train_steps(None, 15, sums)
    assert (sums, bad) == (20, -1)
    # 3 to warm up, 4 traced, and the others in one call.
    assert inner.calls == [1, 1, 1, "trace", *[1] * 4, "end", 13]
    engine.close()
    [line] = said
    # 4 x (2 + 5) and 1 seconds.
    assert (
        "4 steps, one at a time, 7250.0 ms a step: waiting for input " in line
    )
    assert (
        "input 2000.0 ms (28%), device 5000.0 ms (69%), host 250.0 ms" in line
    )


def test_an_accelerator_works_as_long_as_its_trace_says(monkeypatch, tmp_path):
    monkeypatch.setattr(trace, "busy_s", lambda folder: 12.0)
    said = []
    engine = profiled.ProfiledEngine(
        Engine(monkeypatch), str(tmp_path), said.append, steps=4
    )
    engine.train_steps(None, 7, 0)
    # 12 of the 20 seconds of 4 steps; the rest of them is the host's.
    assert "device 3000.0 ms (43%), host 2000.0 ms (29%)" in said[0]


@pytest.mark.parametrize("step", [0, 4, 9])
def test_the_first_bad_step_is_told(monkeypatch, tmp_path, step):
    inner = Engine(monkeypatch, bad_at=step)
    engine = profiled.ProfiledEngine(inner, str(tmp_path), print, steps=4)
    _, _, bad = engine.train_steps(None, 15, 0)
    assert bad == step
    if step == 4:
        assert inner.calls[-1] == 1
        engine.close()
        assert inner.calls[-1] == "end"


def test_a_run_that_is_too_short_says_so(monkeypatch, tmp_path):
    said = []
    engine = profiled.ProfiledEngine(
        Engine(monkeypatch), str(tmp_path), said.append, steps=4
    )
    engine.train_steps(None, 5, 0)
    engine.close()
    assert said == [
        "Profile   none: it takes 7 steps, and the run ended 2 before."
    ]


def space(*planes):
    """A trace of (plane, line, start_ns, [(offset_ps, duration_ps), ...])."""
    found = xplane_pb2.XSpace()
    for name, line_name, start_ns, events in planes:
        plane = next((p for p in found.planes if p.name == name), None)
        if plane is None:
            plane = found.planes.add(name=name)
        line = plane.lines.add(name=line_name, timestamp_ns=start_ns)
        for offset, duration in events:
            line.events.add(offset_ps=offset, duration_ps=duration)
    return found


def test_a_device_is_busy_once_however_many_streams_work():
    second = 10**12
    whole = space(
        ("/host:CPU", "python", 0, [(0, 90 * second)]),
        ("/device:GPU:0", "Steps", 0, [(0, 50 * second)]),
        ("/device:GPU:0", "Stream #13", 0, [(0, 4 * second)]),
        # From 3 s on, on the other stream's clock: 3 to 5, and 8 to 9.
        (
            *("/device:GPU:0", "Stream #14(Memcpy)", 3 * 10**9),
            [(0, 2 * second), (5 * second, second)],
        ),
        ("/device:GPU:1", "Stream #13", 10**9, [(0, 2 * second)]),
    )
    assert trace.busy_of(whole) == ((5 + 1) + 2) / 2
    tpu = space(("/device:TPU:0", "XLA Ops", 0, [(0, second), (0, second)]))
    assert trace.busy_of(tpu) == 1
    assert trace.busy_of(space(("/host:CPU", "x", 0, [(0, second)]))) is None


def rows(workdir):
    return [
        {k: v for k, v in row.items() if k != "images_per_second"}
        for row in metrics.read(os.path.join(workdir, "metrics.jsonl"))
    ]


@pytest.mark.parametrize(
    "replicas", [1, pytest.param(4, marks=pytest.mark.slow)]
)
def test_a_profiled_run_is_the_same_run(
    photos, tmp_path, capsys, monkeypatch, replicas
):
    monkeypatch.setattr(task, "build_encoder", tiny_step.build_encoder)
    config = tiny.config(photos, train=Train(log_steps=2, eval_epochs=0.0))
    for name in ("plain", "profiled"):
        strategy = (
            tf.distribute.get_strategy() if replicas == 1 else four_replicas()
        )
        workdir = str(tmp_path / name)
        loop.train(config, workdir, strategy, profile=name == "profiled")
    assert rows(tmp_path / "plain") == rows(tmp_path / "profiled")
    said = capsys.readouterr().err
    [line] = re.findall("^Profile .*$", said, re.MULTILINE)
    whole, *parts = (float(x) for x in re.findall(r"([-\d.]+) ms", line))
    assert whole > 0 and min(parts) >= 0
    assert sum(parts) == pytest.approx(whole, abs=0.3)
    folder = tmp_path / "profiled" / "profile"
    assert str(folder) in line
    assert glob.glob(f"{folder}/plugins/profile/*/*.xplane.pb")
    assert not (tmp_path / "plain" / "profile").exists()


@pytest.mark.slow  # As all that needs jax: make slow installs it.
def test_a_run_by_pjrt_is_profiled_too(photos, tmp_path, capsys):
    pytest.importorskip("jax")
    pretrain(
        tiny.config(photos),
        workdir=str(tmp_path / "run"),
        engine="pjrt",
        strategy="cpu",
        profile=True,
    )
    said = capsys.readouterr().err
    assert re.search("^Profile   10 steps, one at a time, ", said, re.MULTILINE)
    assert glob.glob(f"{tmp_path}/run/profile/plugins/profile/*/*.xplane.pb")


def test_a_jax_without_a_profiler_is_refused(monkeypatch, tmp_path):
    jax = pytest.importorskip("jax")
    monkeypatch.setattr(jax, "profiler", types.SimpleNamespace())
    with (
        pytest.raises(ValueError, match="has no profiler"),
        trace.jax(str(tmp_path)),
    ):
        pass
