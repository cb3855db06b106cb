"""A grid of runs: what is done stays, what is not goes on, one table."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from simclr.config import Distill
from simclr.pictures import grid as grid_picture
from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.studies import grid
from tests import tiny
from tests.test_pictures import pixels

BASE = tiny.config("photos", epochs=2)


def trained(name, config, folder, hours):
    """A run folder as a training leaves it; `hours` of 1e-9 stop it."""
    facts = {"data": {"images": 0, "fingerprint": ""}, "classes": None}
    with run_folder.open_run(folder, config, facts):
        step = 1 if hours == 1e-9 else 5
        checkpoint.save(run_folder.checkpoints(folder), step, {})
        if hours != 1e-9:
            run_folder.mark_finished(folder, step)
    return "the clock" if hours == 1e-9 else ""


class Fake:
    """Trains and scores at once, and remembers what was asked for."""

    def __init__(self, train=trained):
        self.trained, self.scored, self.said, self._train = [], [], [], train

    def run(self, cells, workdir, **more):
        return grid.run(
            cells,
            str(workdir),
            train=self.train,
            score=self.score,
            say=self.said.append,
            **more,
        )

    def train(self, name, config, folder, hours):
        self.trained.append((name, config))
        return self._train(name, config, folder, hours)

    def score(self, run, out):
        self.scored.append(os.path.basename(run))
        return {"top1": 0.25 * len(self.scored)}


def table(workdir, name="grid"):
    with open(f"{workdir}/{name}.json") as file:
        return json.load(file)


def test_a_product_has_a_cell_for_each_combination():
    cells = grid.product(
        BASE,
        {"batch_size": [8, 16], "loss.temperature": [0.1, 0.5]},
        name="a-{}",
    )
    assert list(cells) == [
        "a-batch_size_8-loss.temperature_0.1",
        "a-batch_size_8-loss.temperature_0.5",
        "a-batch_size_16-loss.temperature_0.1",
        "a-batch_size_16-loss.temperature_0.5",
    ]
    cell = cells["a-batch_size_8-loss.temperature_0.5"]
    assert cell.place == {"batch_size": 8, "loss.temperature": 0.5}
    assert (cell.config.batch_size, cell.config.loss.temperature) == (8, 0.5)
    with pytest.raises(ValueError, match="batch_siz"):
        grid.product(BASE, {"batch_siz": [8]})


def test_a_grid_is_one_table_and_what_is_done_is_left_alone(tmp_path):
    cells = grid.product(BASE, {"batch_size": [8, 16]})
    fake, drawn = Fake(), []
    stopped, rows, folders = fake.run(
        cells,
        tmp_path,
        facts={"labels": "few"},
        draw=lambda path, rows: drawn.append((path, len(rows))),
    )
    assert stopped == "" and [name for name, _ in fake.trained] == list(cells)
    assert table(tmp_path) == {"labels": "few", "rows": rows}
    assert [list(row.values())[:-1] for row in rows] == [
        ["batch_size_8", 8, 0.25],
        ["batch_size_16", 16, 0.5],
    ]
    assert all(row["minutes"] >= 0 for row in rows)
    assert drawn == [(f"{tmp_path}/grid.png", n) for n in (1, 2)]
    assert folders["batch_size_8"] == f"{tmp_path}/batch_size_8"
    for row, minutes in zip(rows, (7.0, 8.0)):
        row["minutes"] = minutes
    grid.write_table(f"{tmp_path}/grid", rows)
    again = Fake()
    _, rows, _ = again.run(cells, tmp_path)
    assert again.trained == [] and len(again.scored) == 2
    assert [row["minutes"] for row in rows] == [7.0, 8.0]  # As it was trained.
    assert again.said[0] == "\nCell      batch_size_8 (1 of 2): done before"


def test_what_stops_it_leaves_the_table_of_what_is_scored(tmp_path):
    def interrupted(name, config, folder, hours):
        if name == "b":
            raise KeyboardInterrupt
        return trained(name, config, folder, hours)

    cells = {name: grid.Cell(BASE) for name in "abc"}
    with pytest.raises(KeyboardInterrupt):
        Fake(interrupted).run(cells, tmp_path)
    assert [row["name"] for row in table(tmp_path)["rows"]] == ["a"]
    short = Fake()
    stopped, rows, _ = short.run(cells, tmp_path, max_hours=1e-12)
    assert stopped == "the clock" and [row["name"] for row in rows] == ["a"]
    fake = Fake()
    fake.run(cells, tmp_path)
    assert [name for name, _ in fake.trained] == ["b", "c"]
    assert [row["name"] for row in table(tmp_path)["rows"]] == ["a", "b", "c"]


def test_cells_build_on_cells_before_them_and_on_runs(tmp_path):
    student = tiny.config(
        "photos", task="distill", distill=Distill(teachers=("teacher",))
    )
    cells = {
        "given": grid.Cell(BASE),
        "teacher": grid.Cell(
            tiny.config("photos", task="finetune", init="given")
        ),
        "student": grid.Cell(student),
    }
    fake = Fake()
    fake.run(cells, tmp_path / "grid", given={"given": str(tmp_path)})
    (_, teacher), (_, student) = fake.trained
    assert teacher.init == str(tmp_path)
    assert student.distill.teachers == (f"{tmp_path}/grid/teacher",)
    del cells["teacher"]
    with pytest.raises(ValueError, match="'teacher', which is no cell"):
        Fake().run(cells, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_another_config_is_not_taken_for_done(tmp_path):
    Fake().run({"a": grid.Cell(BASE)}, tmp_path)
    other = {"a": grid.Cell(tiny.config("photos", seed=4))}
    with pytest.raises(ValueError, match="holds another run"):
        Fake().run(other, tmp_path)


def test_a_cell_is_done_for_the_weights_that_it_started_from(tmp_path):
    """And not for others that lie at the same path, at the same step."""
    given, workdir = str(tmp_path / "given"), tmp_path / "grid"
    folder = run_folder.checkpoints(given)
    for student in (
        tiny.config("photos", task="finetune", init=given),
        tiny.config(
            "photos", task="distill", distill=Distill(teachers=(given,))
        ),
    ):
        cells = {student.task: grid.Cell(student)}
        checkpoint.save(folder, 5, {"w": np.zeros(2)})
        with pytest.raises(ValueError, match="started from other weights"):
            fake = Fake()
            assert fake.run(cells, workdir, max_hours=1e-12)[0]  # Begun.
            checkpoint.save(folder, 5, {"w": np.ones(2)})
            fake.run(cells, workdir)
        assert len(fake.trained) == 1
        checkpoint.save(folder, 5, {"w": np.zeros(2)})
        Fake().run(cells, workdir)
        checkpoint.save(folder, 5, {"w": np.ones(2)})
        again = Fake()
        with pytest.raises(ValueError, match=f"{student.task}.*delete"):
            again.run(cells, workdir)
        assert not grid.is_done(student, str(workdir / student.task))
        checkpoint.save(folder, 5, {"w": np.zeros(2)})
        again.run(cells, workdir)
        assert again.trained == []
        os.remove(checkpoint.path_of(folder, 5))  # Gone is not another.
        assert grid.is_done(student, str(workdir / student.task))


def test_a_cell_is_done_for_its_images(tmp_path):
    cells, fake = {"a": grid.Cell(BASE)}, Fake()
    fake.run(cells, tmp_path)
    facts = {"images": 0, "fingerprint": ""}
    fake.run(cells, tmp_path, images=lambda config: facts)
    assert len(fake.trained) == 1
    fake.run(cells, tmp_path, images=lambda config: facts | {"images": 1})
    assert len(fake.trained) == 2  # Where the folder says what is wrong.


@pytest.mark.parametrize("axes", [["x"], ["y", "x"]])
def test_the_picture_has_a_number_in_each_cell(tmp_path, axes):
    rows = [
        {"name": "", "x": x, "y": y, "top1": x / 10 if x < 4 else None}
        for x in (1, 2, 3, 4)
        for y in ("none", "$blur")
    ]
    path = str(tmp_path / "grid.png")
    grid_picture.draw(path, title="t", subtitle="s", rows=rows, axes=axes)
    image = pixels(path)
    assert image.std() > 10
    missing = rows[:-1]
    grid_picture.draw(path, title="t", subtitle="s", rows=missing, axes=axes)
    nothing = [{**row, "top1": None} for row in rows]
    grid_picture.draw(path, title="t", subtitle="s", rows=nothing, axes=axes)


SCRIPT = """
import functools, sys
from simclr.commands.devices import take_devices
from simclr.commands.train import launch
from simclr.commands.use.score_run import score_run
from simclr.config import Data, Train
from simclr.pictures import grid as picture
from simclr.studies import grid
from tests import tiny

photos, held_out, workdir = sys.argv[1:]
devices = take_devices("cpu")
axes = {"optimizer.base_lr": [0.5, 1.0]}
base = tiny.config(
    photos, epochs=6,
    train=Train(log_steps=2, eval_epochs=0, checkpoint_epochs=0.5),
)
grid.run(
    grid.product(base, axes),
    workdir,
    train=lambda name, config, folder, hours: launch.train(
        config, folder, devices, notes=[], overrides=[], max_hours=hours,
    ).stopped,
    score=functools.partial(
        score_run, strategy=devices.strategy,
        images=Data(source=photos, eval_source=held_out),
    ),
    say=lambda text: print(text, flush=True),
    draw=functools.partial(
        picture.draw, title="rates", subtitle="top-1", axes=list(axes)
    ),
)
"""


@pytest.mark.slow
def test_two_cells_killed_and_gone_on_with(tmp_path):
    """SIGKILL in the middle of the second cell; then the same again."""
    photos = tiny.write_photos(tmp_path / "photos")
    held_out = tiny.write_photos(tmp_path / "held_out", count=16, seed=1)
    words = [sys.executable, "-c", SCRIPT, photos, held_out, tmp_path / "grid"]
    command = [str(word) for word in words]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    first, second = (
        tmp_path / "grid" / f"optimizer.base_lr_{rate}" for rate in (0.5, 1.0)
    )

    with open(tmp_path / "log", "w") as log:
        killed = subprocess.Popen(command, env=environment, stderr=log)
    deadline = time.monotonic() + 500
    while not any(
        row["step"] >= 6 for row in metrics.read(second / "metrics.jsonl")
    ):
        assert killed.poll() is None, (tmp_path / "log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    [row] = table(tmp_path / "grid")["rows"]
    assert row["name"] == first.name and 0 <= row["top1"] <= 1
    assert not run_folder.is_finished(str(second))
    begun = checkpoint.paths(run_folder.checkpoints(str(second)))
    assert begun
    kept = {
        path: path.stat().st_mtime_ns
        for path in [*first.glob("checkpoints/*"), first / "results.json"]
    }

    done = subprocess.run(
        command, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{first.name} (1 of 2): done before" in done.stdout
    assert "Scored    before" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    rows = table(tmp_path / "grid")["rows"]
    assert rows[0] == row
    assert [r["optimizer.base_lr"] for r in rows] == [0.5, 1.0]
    steps = [r["step"] for r in metrics.read(second / "metrics.jsonl")]
    assert steps == sorted(set(steps)) and steps[-1] == 25
    assert (tmp_path / "grid" / "grid.png").stat().st_size > 1000
