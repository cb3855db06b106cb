"""`simclr study`, from the command to the figure: killed, gone on with."""

import csv
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from simclr.cli.commands import COMMANDS
from simclr.cli.line import main
from simclr.commands.study.study import study
from simclr.commands.study.study_grid import _axis, study_grid
from simclr.commands.study.study_local_features import study_local_features
from simclr.commands.tools.compile_step import compile_step
from simclr.studies import registry
from simclr.studies.study import FULL, Images
from tests import tiny, tiny_pretrained
from tests.test_pictures import pixels

# Small enough for a test: half an epoch of 200 pictures.
SMALL = (
    "model.width=0.125",
    "data.image_size=16",
    "epochs=0.5",
    "batch_size=32",
    "optimizer.warmup_epochs=0",
)


def write_photos(folder):
    """(200 photos, 40 held out) of four classes, folders."""
    return [
        tiny.write_photos(
            folder / name, count=count, classes=tuple("abcd"), seed=count
        )
        for name, count in (("photos", 200), ("held_out", 40))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch_size=128, 256", ("batch_size", ["128", "256"])),
        ("a.b=(0.2,1),(0.5,1)", ("a.b", ["(0.2,1)", "(0.5,1)"])),
        ("loss.name=nt_xent", ("loss.name", ["nt_xent"])),
    ],
)
def test_an_axis_in_words(text, expected):
    assert _axis(text) == expected


@pytest.mark.parametrize("text", ["batch_size", "=1,2", "batch_size="])
def test_what_is_no_axis(text):
    with pytest.raises(ValueError, match="is no KEY=VALUE,VALUE"):
        _axis(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study"], "usage: simclr study NAME"),
        (["study", "randbit"], "Did you mean randbits"),
        (["study", "head", "--quick", "--full"], "not both"),
        (["study", "head", "--images=nowhere"], "go together"),
        (["study", "head", "--digits=."], "holds no train-images"),
        (["study", "grid"], "Say --config=RECIPE and what is varied"),
        (
            ["study", "grid", "--config=configs/demo.py", "--axis=lr=1"],
            "no setting 'lr'",
        ),
        (
            [
                *("study", "grid", "--config=demo"),
                "--axis=epochs=1",
                "--set=a=1",
            ],
            "no setting 'a'",
        ),
        (["study", "local_features"], "Say --run=RUN and --images=PHOTOS"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys):
    assert main(words, COMMANDS, str) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]


def test_a_page_of_local_features(tmp_path):
    photos = tiny.write_photos(tmp_path / "photos", count=3)
    run = tiny_pretrained.write(tmp_path / "run", tiny.CONFIG.model)
    options = {"images": str(photos), "out": str(tmp_path / "a.png")}
    found = study_local_features(run=(run,), quiet=True, **options)
    first = pixels(found)
    assert first.std() > 20
    study_local_features(run=(run,), quiet=True, **options)
    np.testing.assert_array_equal(pixels(found), first)
    study_local_features(run=(run,), quiet=True, clusters=2, **options)
    assert (pixels(found) != first).any()
    with pytest.raises(ValueError, match="Two of the runs are called run"):
        study_local_features(run=(run, run), quiet=True, **options)


@pytest.mark.slow
def test_a_study_is_killed_and_goes_on(tmp_path):
    photos, held_out = write_photos(tmp_path)
    words = [sys.executable, "-m", "simclr", "study", "head", "--quick"]
    words += [f"--images={photos}", f"--eval_images={held_out}"]
    words += [f"--workdir={tmp_path}/study"]
    words += [f"--set={text}" for text in SMALL]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    table = tmp_path / "study" / "study.json"
    with open(tmp_path / "log", "w") as log:
        killed = subprocess.Popen(words, env=environment, stderr=log)
    deadline = time.monotonic() + 500
    while not table.exists():
        assert killed.poll() is None, (tmp_path / "log").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    rows = json.loads(table.read_text())["rows"]
    assert 1 <= len(rows) < 5
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{rows[0]['name']} (1 of 5): done before" in done.stderr
    assert "Found     nonlinear" in done.stdout and "finding" in done.stdout
    facts = json.loads(table.read_text())
    assert (facts["study"], facts["scale"]) == ("head", "quick")
    assert facts["rows"][0] == rows[0] and len(facts["rows"]) == 5
    with open(tmp_path / "study" / "study.csv", newline="") as file:
        columns = list(csv.DictReader(file))
    assert [row["head"] for row in columns] == [
        *("none", "linear", "linear", "nonlinear", "nonlinear")
    ]
    assert all(0 <= float(row[key]) <= 1 for row in columns for key in "hz")
    assert columns[0]["h"] == columns[0]["z"]  # Without a head they are one.
    assert pixels(str(tmp_path / "study" / "study.png")).std() > 5


@pytest.mark.slow
def test_a_study_with_few_labels_and_stages(tmp_path):
    """Cells that start from others, on a part of the labels."""
    photos, held_out = write_photos(tmp_path)
    found = study(
        "labels",
        quick=True,
        images=str(photos),
        eval_images=str(held_out),
        set=[*SMALL, "epochs=0.2"],
        workdir=str(tmp_path / "study"),
        quiet=True,
    )
    assert not found.stopped and len(found.rows) == 20
    by_name = {row["name"]: row for row in found.rows}
    assert {"top1_0.01", "top1_0.1", "top1_1"} <= by_name[
        "simclr-seed_0"
    ].keys()
    assert 0 <= by_name["student-0.1-seed_0"]["top1"] <= 1
    text = (tmp_path / "study/labels-0.1-seed_0/labels.csv").read_text()
    assert len(text.splitlines()) == 1 + 20
    assert found.verdict.appears is not None


@pytest.mark.slow
def test_a_grid_of_ones_own(tmp_path):
    photos = tiny.write_photos(tmp_path / "photos")
    found = study_grid(
        config=tiny.config(photos, epochs=1),
        axis=("seed=0,1", "augment.crop_area=(0.2,1),(0.5,1)"),
        workdir=str(tmp_path / "grid"),
        quiet=True,
    )
    places = [(row["seed"], row["augment.crop_area"]) for row in found.rows]
    assert places == [
        (0, (0.2, 1.0)),
        (0, (0.5, 1.0)),
        (1, (0.2, 1.0)),
        (1, (0.5, 1.0)),
    ]
    assert pixels(str(tmp_path / "grid/study.png")).std() > 5


# A run of each kind that full scale has, and a slice for it.
FULL_RUNS = (
    ("temperature", "similarity_product-temperature_10.0-seed_0", "v5e-64"),
    ("augmentations", "first_Sobel-second_rotate-seed_0", "v5e-64"),
    ("barlow", "what_redundancy_term_alone-seed_0", "v5e-64"),
    ("labels", "student-0.01-seed_0", "v5e-64"),
    (
        "digit_size",
        "method_SimCLR-temperature_0.05-size_80-seed_0",
        "v5e-8",
    ),
    ("randbits", "temperature_0.05-bits_20-seed_0", "v5e-8"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cell", "topology"), FULL_RUNS)
def test_compile_takes_the_full_runs(name, cell, topology):
    pytest.importorskip("libtpu")
    cells = registry.get(name).cells(FULL, Images.at(FULL), [0])
    [facts] = compile_step(
        cells[cell].config,
        topology=(topology,),
        images=1_281_167,
        classes=1000,
        search=False,
        code=False,
        quiet=True,
    )
    assert facts["fits"]
