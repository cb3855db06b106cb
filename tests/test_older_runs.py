"""Runs of commit a173f9f: their weights are read, and they are not resumed.

tests/golden/runs_a173f9f holds two of its runs without the optimizer, and what
its own `evaluate` and `predict` said of them.
"""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.evaluation import probe
from simclr.runs import folder as run_folder
from simclr.runs import older

GOLDEN = pathlib.Path(__file__).parent / "golden" / "runs_a173f9f"
FEW = ("--set", "train.log_steps=1", "--set", "train.eval_epochs=0")


@pytest.fixture
def run(tmp_path):
    """A copy to write results into: run("pretrained")."""

    def copy(name):
        return str(shutil.copytree(GOLDEN / name, tmp_path / name))

    return copy


def say(capsys, *line):
    """(status, what was said, last line of the errors)."""
    status = cli.main([str(word) for word in line])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    text = said.out + said.err
    return status, text, (said.err.splitlines() or [""])[-1]


def golden(name):
    return json.loads((GOLDEN / f"{name}_results.json").read_text())


@pytest.mark.parametrize(
    "name, flags",
    [
        ("pretrained", ["--max_images=400", "--nobaselines"]),
        ("finetuned", []),
    ],
)
def test_evaluate_scores_them_as_it_did(run, name, flags, capsys, monkeypatch):
    # Probes of few rows were chosen by a tenth of them, too.
    monkeypatch.setattr(probe, "_FEW", 0)
    workdir = run(name)
    assert say(capsys, "evaluate", workdir, *flags)[0] == 0
    results = json.loads((pathlib.Path(workdir) / "results.json").read_text())
    expected = golden(name)["row"]
    row = results["rows"][0]
    for key in ("knn_top1", "knn_top5", "linear_top1", "top1", "top5"):
        if key in expected:
            assert row[key] == pytest.approx(expected[key], abs=1e-9), key
    for key in ("effective_rank", "uniformity", "feature_std", "nll", "ece"):
        if key in expected:
            assert row[key] == pytest.approx(expected[key], rel=1e-4), key
    assert "top1" in row or "knn_top1" in row


def test_predict_answers_as_it_did(run, tmp_path, capsys):
    out = tmp_path / "predictions.csv"
    line = ["predict", run("finetuned"), "sample/test", f"--out={out}"]
    assert say(capsys, *line)[0] == 0
    with open(GOLDEN / "predictions.csv", newline="") as file:
        expected = list(csv.DictReader(file))
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))[: len(expected)]
    for key in ("id", "label"):
        assert [r[key] for r in rows] == [r[key] for r in expected]
    ours, theirs = (
        np.float64([r["probability"] for r in x]) for x in (rows, expected)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.slow
def test_new_runs_start_from_their_weights(run, tmp_path, capsys):
    line = ["finetune", f"--init={run('pretrained')}", "--label_fraction=0.01"]
    line += [f"--workdir={tmp_path / 'new'}", "--set=epochs=0.2", *FEW]
    status, said, error = say(capsys, *line)
    assert status == 0, error
    assert "encoder: loaded" in said and "head: 5 of 5" in said
    line = ["distill", f"--teacher={run('finetuned')}", "--data=sample/test"]
    line += [f"--workdir={tmp_path / 'student'}", "--set=epochs=0.1", *FEW]
    status, _, error = say(capsys, *line)
    assert status == 0, error
    assert run_folder.read_facts(tmp_path / "student")["format"] == older.FORMAT


@pytest.mark.parametrize("name", ["pretrained", "finetuned"])
def test_resuming_is_refused_in_one_line(run, name, capsys):
    workdir = run(name)
    line = ["pretrain", "--data=sample/train"]
    if name == "finetuned":
        line = ["finetune", f"--init={run('pretrained')}"]
    status, _, error = say(capsys, *line, f"--workdir={workdir}")
    assert status == 2
    assert error.startswith(f"simclr: {workdir} was made by an earlier version")
    assert "simclr evaluate" in error and "--init=" in error


def test_a_config_of_then(tmp_path):
    """Its keys: `memory`, no backbone's name, a stem that images decide."""
    text = json.loads((GOLDEN / "pretrained" / "config.json").read_text())
    assert "memory" in text and "name" not in text["model"]
    text["memory"] |= {"size": 128, "momentum": 0.99}
    text["model"]["stem"] = "auto"
    (tmp_path / "config.json").write_text(json.dumps(text))
    (tmp_path / "run.json").write_text('{"data": {}}')
    config = run_folder.read_config(tmp_path)
    assert (config.negatives.size, config.negatives.momentum) == (128, 0.99)
    assert config.batch_size == 64 and config.model.width == 0.125
    as_now = json.loads(config_lib.to_json(config))
    assert "memory" not in as_now


def test_a_run_of_a_later_version(tmp_path):
    shutil.copytree(GOLDEN / "pretrained", tmp_path, dirs_exist_ok=True)
    facts = run_folder.read_facts(tmp_path) | {"format": older.FORMAT + 1}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace("memory", "negatives"))
    config = run_folder.read_config(tmp_path)
    with (
        pytest.raises(ValueError, match="by a later version"),
        run_folder.open_run(str(tmp_path), config, facts),
    ):
        pass
