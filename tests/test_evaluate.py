"""simclr evaluate of an encoder: what is scored, and what is not instead."""

import glob
import json
import os
import tempfile

import pytest

from simclr.inference import forward
from simclr.runs import folder as run_folder
from simclr.runs import weights
from simclr.storage import tables
from tests import tiny, tiny_encoder
from tests.test_predict import say


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


@pytest.fixture(scope="module")
def run(tmp_path_factory, photos):
    return tiny_encoder.write(tmp_path_factory.mktemp("run"), photos)


def results(run, name):
    with open(os.path.join(run, name)) as file:
        return json.load(file)


def evaluate(capsys, run, *flags):
    return say(capsys, "evaluate", run, "--nobaselines", *flags)


def test_images_without_labels_are_an_error_and_leave_no_score(
    run, tmp_path, capsys
):
    plain = tiny.write_photos(tmp_path / "plain", 30, ("all",)) / "all"
    before = set(os.listdir(run))
    status, said, error = evaluate(capsys, run, f"--eval_data={plain}")
    assert status == 2 and "top-1" not in said
    assert "none of its 30 images has a label (--eval_labels=" in error
    assert set(os.listdir(run)) == before


def test_a_run_that_nobody_can_write_to(
    run, photos, tmp_path, capsys, monkeypatch
):
    """Refused before the work, and scored with --out."""
    real = tempfile.TemporaryFile

    def refuse(dir):
        if dir == str(run):
            raise PermissionError(13, "Permission denied")
        return real(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    few = tiny.write_photos(tmp_path / "held_out", 6, ("dog", "cat"))
    before = set(os.listdir(run))
    with monkeypatch.context() as patch:
        patch.setattr(weights, "load_encoder", None)  # The work.
        status, _, error = evaluate(capsys, run, f"--eval_data={few}")
        assert status == 2 and "say --out=FOLDER, which can" in error
    out = tmp_path / "new" / "scores"
    status, _, _ = evaluate(capsys, run, f"--eval_data={few}", f"--out={out}")
    assert status == 0 and set(os.listdir(run)) == before
    assert {"results.json", "summary.png"} <= set(os.listdir(out))


def test_few_images_are_scored_and_counted(run, photos, tmp_path, capsys):
    few = tiny.write_photos(tmp_path / "few", 6, ("dog", "cat", "eel"))
    status, said, _ = evaluate(capsys, run, f"--eval_data={few}")
    assert status == 0 and "the score is of 6 images only" in said
    assert "2 images" in said and "1 (eel), and a miss each" in said
    found = results(run, "results_few.json")
    assert found["images"]["fit"] == {"source": str(photos), "count": 40}
    assert found["images"]["score"] == {"source": str(few), "count": 6}
    for key in ("knn_top1", "linear_top1"):
        assert found["rows"][-1][key] * 6 == pytest.approx(
            round(found["rows"][-1][key] * 6)
        )
        assert found["rows"][-1][key] <= 4 / 6


def test_few_labels_are_fitted_on_and_no_others(run, photos, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    table.write_text("id,label\ncat/000.png,cat\ndog/001.png,dog\n")
    held = tiny.write_photos(tmp_path / "held", 30, ("dog", "cat"))
    (held / "cat" / "003.png").write_bytes(b"GIF89a no more")
    # Others that are called so have been scored before.
    others = '{"identity": {"of": ["", "/elsewhere/held"]}}'
    run_folder.write(run, "results_held.json", others)
    flags = [f"--labels={table}", f"--eval_data={held}"]
    status, said, error = evaluate(capsys, run, *flags)
    assert status == 0, error
    assert results(run, "results_held.json") == json.loads(others)
    (path,) = glob.glob(f"{run}/results_held_*.json")
    found = results(run, os.path.basename(path))["images"]
    assert found["fit"] == {"source": str(photos), "count": 2}
    # What cannot be read is not scored; it is listed.
    assert found["score"] == {"source": str(held), "count": 29}
    (path,) = glob.glob(f"{run}/unreadable_held_*_eval.tsv")
    assert f"1 unreadable image left out, see {path}" in said
    assert [row[0] for row in tables.read(path, "\t")] == ["cat/003.png"]


def test_the_runs_own_held_out_images_without_labels_are_a_line(
    photos, tmp_path, capsys
):
    plain = tiny.write_photos(tmp_path / "plain", 30, ("all",)) / "all"
    run = tiny_encoder.write(tmp_path / "run", photos, eval_source=str(plain))
    status, said, _ = evaluate(capsys, run)
    assert status == 0 and "nothing is scored: health" in said
    assert set(results(run, "results.json")["images"]) == {"look"}


def test_labels_of_the_runs_held_out_images_whatever_the_path(
    photos, tmp_path, monkeypatch, capsys
):
    """Its labels.csv comes along when the user names the images again."""
    plain = tiny.write_photos(tmp_path / "plain", 30, ("all",)) / "all"
    table = tmp_path / "labels.csv"
    names = sorted(os.listdir(plain))[:12]
    lines = [f"{n},{'cat' if i % 2 else 'dog'}\n" for i, n in enumerate(names)]
    table.write_text("id,label\n" + "".join(lines))
    run = tiny_encoder.write(
        tmp_path / "run", photos,
        eval_source=str(plain), eval_labels=str(table),
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, _, error = evaluate(capsys, run, "--eval_data=plain/all")
    assert status == 0, error
    assert results(run, "results_all.json")["images"]["score"]["count"] == 12


def test_labels_of_held_out_images_without_the_images(
    run, photos, tmp_path, capsys
):
    table = tmp_path / "labels.csv"
    table.write_text("id,label\ncat/000.png,cat\n")
    flag = f"--eval_labels={table}"
    for line in (
        ("evaluate", run, flag),
        ("pretrain", f"--data={photos}", flag),
    ):
        status, _, error = say(capsys, *line)
        assert status == 2 and "--eval_data, which is missing" in error


@pytest.mark.slow
def test_by_pjrt(run, photos, capsys, monkeypatch):
    """The same scores from jax's devices, and no batch by tf.distribute."""
    pytest.importorskip("jax")
    flags = ["--max_images=20", "--strategy=cpu"]
    assert evaluate(capsys, run, *flags)[0] == 0
    expected = results(run, "results.json")
    monkeypatch.setattr(forward, "_TensorFlow", None)
    status, said, error = evaluate(capsys, run, *flags, "--engine=pjrt")
    assert status == 0, error
    assert "1 x cpu by PJRT" in said
    found = results(run, "results.json")
    [row], [same] = expected.pop("rows"), found.pop("rows")
    assert found == expected
    assert {"knn_top1", "linear_top1", "effective_rank"} <= row.keys()
    assert same.pop("name") == row.pop("name")
    del row["seconds"], same["seconds"]
    assert same == pytest.approx(row, rel=1e-4)
