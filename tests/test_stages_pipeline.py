"""`simclr pipeline`: stages in order, skipped when done, one table."""

import json
import os

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.config import stages
from simclr.evaluation import report
from simclr.inference.speed import images_per_second
from simclr.pictures import stages as stages_picture
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny

RECIPE = """
import dataclasses
from simclr.config import Classifier, Distill, Optimizer, Train
from simclr.config.stages import Pipeline
from tests import tiny

pretrain = dataclasses.replace(
    tiny.CONFIG, epochs=1, train=Train(log_steps=2, eval_epochs=0)
)
teacher = dataclasses.replace(
    pretrain, task="finetune", init="pretrain", epochs=2, batch_size=8,
    classifier=Classifier(from_layer=1),
    optimizer=Optimizer(name="sgd", base_lr=0.1, warmup_epochs=0),
)
pipeline = Pipeline(
    label_fraction=0.5,
    stages={
        "pretrain": pretrain,
        "supervised": dataclasses.replace(teacher, init=""),
        "teacher": teacher,
        "student": dataclasses.replace(
            teacher, task="distill", init="", epochs=1,
            classifier=Classifier(), distill=Distill(teachers=("teacher",)),
            model=dataclasses.replace(pretrain.model, width=0.25),
        ),
    },
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    tiny.write_photos(folder / "train")
    tiny.write_photos(folder / "test", count=16, seed=1)
    (folder / "recipe.py").write_text(RECIPE)
    return folder


def command(folder, workdir, *more):
    return [
        "pipeline",
        f"{folder}/recipe.py",
        f"--data={folder}/train",
        f"--eval_data={folder}/test",
        f"--workdir={workdir}",
        "--strategy=cpu",
        *more,
    ]


@pytest.fixture(scope="module")
def done(folder):
    """A pipeline that was stopped in its first stage, then ran to its end."""
    workdir = folder / "run"
    assert cli.main(command(folder, workdir, "--max_hours=1e-9")) == 75
    assert os.listdir(workdir / "pretrain" / "checkpoints")
    assert not (workdir / "supervised").exists()
    assert cli.main(command(folder, workdir)) == 0
    return workdir


def test_ends_with_a_table_of_all_stages(done):
    results = json.loads((done / "stages.json").read_text())
    rows = results["rows"]
    kinds = {row["name"]: row["kind"] for row in rows}
    assert kinds == {
        "pretrain": "linear probe",
        "supervised": "supervised",
        "teacher": "fine-tuned",
        "student": "distilled",
    }
    for row in rows:
        assert 0 <= row["top1"] <= 1
        assert row["parameters"] > 0 and row["images_per_second"] > 0
        assert row["minutes"] > 0
    assert 0 <= rows[0]["raw_pixels"] <= 1
    sizes = {row["name"]: row["parameters"] for row in rows}
    assert sizes["student"] > sizes["teacher"] == sizes["supervised"]
    assert (done / "stages.png").stat().st_size > 1000
    for name in kinds:
        assert (done / name / "results.json").exists()


def test_every_stage_has_the_same_few_labels(done):
    path = str(done / "labels.csv")
    for name in ("supervised", "teacher", "student"):
        assert run_folder.read_config(done / name).data.labels == path
    assert run_folder.read_facts(done / "teacher")["data"]["images"] == 32
    assert run_folder.read_facts(done / "student")["data"]["images"] == 64


def test_stages_point_at_each_other(done):
    teacher = run_folder.read_config(done / "teacher")
    assert teacher.init == str(done / "pretrain")
    assert run_folder.read_config(done / "supervised").init == ""
    student = run_folder.read_config(done / "student")
    assert student.distill.teachers == (str(done / "teacher"),)


def test_what_is_done_is_skipped_and_what_is_not_is_made(folder, done, capsys):
    def times():
        return {
            name: os.path.getmtime(
                checkpoint.paths(run_folder.checkpoints(str(done / name)))[-1]
            )
            for name in ("pretrain", "supervised", "teacher", "student")
        }

    before = times()
    for path in (done / "student").glob("checkpoints/*"):
        path.unlink()
    assert cli.main(command(folder, done)) == 0
    shown = capsys.readouterr().err
    assert "Stage     teacher (3 of 4): done before" in shown
    after = times()
    assert after.pop("student") > before.pop("student")
    assert after == before


def test_a_stage_of_another_config_is_refused(folder, done, capsys):
    line = command(folder, done, "--set=teacher.seed=4")
    assert cli.main(line) == 2
    assert "holds another run" in capsys.readouterr().err


@pytest.mark.slow
def test_takes_a_run_that_is_pretrained_already(folder, done, tmp_path):
    line = command(folder, tmp_path / "run", f"--pretrained={done}/pretrain")
    assert cli.main([*line, "--label_fraction=0.25"]) == 0
    rows = json.loads((tmp_path / "run" / "stages.json").read_text())["rows"]
    assert rows[0]["name"] == "pretrain"
    assert not (tmp_path / "run" / "pretrain" / "checkpoints").exists()
    config = run_folder.read_config(tmp_path / "run" / "teacher")
    assert config.init == f"{done}/pretrain"


def test_images_to_score_without_labels_stop_it_before_its_work(
    folder, tmp_path, capsys
):
    plain = tiny.write_photos(tmp_path / "plain", 12, ("all",)) / "all"
    line = command(folder, tmp_path / "run", f"--eval_data={plain}")
    assert cli.main(line) == 2
    assert "has no labels, and nothing to score by" in capsys.readouterr().err
    assert not (tmp_path / "run" / "pretrain").exists()


def test_overrides_are_for_one_stage_or_for_all(folder):
    path = str(folder / "recipe.py")
    pipeline = stages.load(path, ["seed=7", "teacher.epochs=5"])
    epochs = {name: c.epochs for name, c in pipeline.stages.items()}
    assert epochs["teacher"] == 5 and epochs["supervised"] == 2
    assert {c.seed for c in pipeline.stages.values()} == {pipeline.seed} == {7}


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = 1", "does not set pipeline"),
        (
            RECIPE.replace('init="pretrain"', 'init="later"'),
            "builds on 'later', which is no stage before it",
        ),
        (
            RECIPE.replace('teachers=("teacher",)', 'teachers=("nobody",)'),
            "builds on 'nobody'",
        ),
    ],
)
def test_bad_recipes_are_one_line(tmp_path, capsys, text, message):
    path = tmp_path / "bad.py"
    path.write_text(text)
    assert cli.main(["pipeline", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_an_override_that_fits_no_stage(folder, capsys):
    line = command(folder, folder / "x", "--set=teachr.epochs=3")
    assert cli.main(line) == 2
    assert "no setting 'teachr.epochs'" in capsys.readouterr().err


ROWS = [
    {
        "name": "teacher",
        "kind": "fine-tuned",
        "net": "ResNet-18 x0.25",
        "top1": 0.659,
        "parameters": 718394,
        "images_per_second": 1234.5,
    },
    {
        "name": "student $x",
        "kind": "distilled",
        "net": "ResNet-18 x0.125",
        "top1": None,
        "parameters": 176482,
        "images_per_second": 3000.0,
    },
]


def test_table_and_picture_stand_a_stage_without_labels(tmp_path):
    lines = report.stages_table(ROWS).splitlines()
    assert lines[0].split()[:3] == ["stage", "what", "net"]
    assert "65.9 %" in lines[2] and "718,394" in lines[2]
    assert "%" not in lines[3] and "176,482" in lines[3]
    stages_picture.draw(str(tmp_path / "a.png"), title="$", rows=ROWS)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_speeds_are_medians_of_calls_in_turn(monkeypatch):
    from simclr.inference import speed

    clock, calls = iter(range(1000)), []
    monkeypatch.setattr(speed.time, "monotonic", lambda: float(next(clock)))
    speeds = images_per_second(
        {name: lambda x, n=name: calls.append(n) for name in "ab"},
        {"a": np.zeros(8), "b": np.zeros(4)},
    )
    assert speeds == {"a": 8.0, "b": 4.0}
    assert calls[:4] == ["a", "b", "a", "b"]
