"""A score belongs to a run's weights, and to the images and labels scored."""

import json
import os

import pytest
import tensorflow as tf

from simclr.commands.use import evaluate_classifier, evaluate_encoder
from simclr.commands.use.score_run import score_run
from simclr.config import Data
from simclr.messages.errors import Stopped
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from tests import tiny, tiny_classifier, tiny_encoder

ONE = tf.distribute.get_strategy()
SOON = 4_000_000_000  # Newer than any checkpoint.


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held_out")
    return tiny.write_photos(folder, count=20, seed=1)


def score(run, out, capsys, **images):
    """(row, results.json, whether it was there before)."""
    os.makedirs(out, exist_ok=True)
    row = score_run(
        str(run),
        str(out),
        strategy=ONE,
        images=Data(**{k: str(v) for k, v in images.items()}),
    )
    path = f"{out}/results.json"
    with open(path) as file:
        results = json.load(file)
    os.utime(path, (SOON, SOON))
    return row, results, "Scored    before" in capsys.readouterr().out


@pytest.mark.slow
def test_another_run_has_a_score_of_its_own(photos, held_out, tmp_path, capsys):
    """However new the older result's file is, as with another --pretrained."""
    one, other = (
        tiny_encoder.write(tmp_path / name, photos, seed=seed)
        for seed, name in enumerate(["one", "other"])
    )
    images, out = {"source": photos, "eval_source": held_out}, tmp_path / "out"
    row, first, before = score(one, out, capsys, **images)
    assert not before and (row["images"], row["kind"]) == (20, "linear probe")
    again, same, before = score(one, out, capsys, **images)
    assert before and (again, same) == (row, first)
    _, second, before = score(other, out, capsys, **images)
    assert not before and second["identity"]["run"] != first["identity"]["run"]
    assert second["rows"] != first["rows"]
    parts = ("fit", "score", "look")
    assert [second["identity"][k] for k in parts] == [
        first["identity"][k] for k in parts
    ]


@pytest.mark.slow
def test_other_labels_and_other_images_are_another_score(
    photos, held_out, tmp_path, capsys
):
    run = tiny_encoder.write(tmp_path / "run", photos)
    images, out = {"source": photos, "eval_source": held_out}, tmp_path / "out"
    _, first, _ = score(run, out, capsys, **images)
    table = tmp_path / "labels.csv"
    lines = [f"cat/{i:03d}.png,cat\ndog/{i + 1:03d}.png,dog\n" for i in (0, 4)]
    table.write_text("id,label\n" + "".join(lines))
    _, few, before = score(run, out, capsys, labels=table, **images)
    assert not before and few["images"]["fit"]["count"] == 4
    assert few["identity"]["run"] == first["identity"]["run"]
    table.write_text("id,label\n" + "".join(lines).replace("004", "006"))
    _, moved, before = score(run, out, capsys, labels=table, **images)
    assert not before and moved["images"] == few["images"]
    fewer = tiny.write_photos(tmp_path / "fewer", count=12, seed=2)
    images["eval_source"] = fewer
    row, _, before = score(run, out, capsys, labels=table, **images)
    assert not before and row["images"] == 12


def test_a_pretrained_runs_own_images_are_not_those_named(
    photos, held_out, tmp_path, capsys
):
    own = tiny.write_photos(tmp_path / "own", 30, ("ant", "eel"))
    run = tiny_encoder.write(
        tmp_path / "run", own, eval_source=str(own)
    )  # As simclr pipeline --pretrained=RUN --data= --eval_data=.
    _, results, _ = score(
        run, tmp_path / "out", capsys, source=photos, eval_source=held_out
    )
    assert results["images"]["fit"]["source"] == str(photos)
    assert results["images"]["score"] == {"source": str(held_out), "count": 20}


def test_a_classifier_that_was_trained_again(
    photos, held_out, tmp_path, capsys
):
    run = tiny_classifier.write(
        tmp_path / "run", photos, eval_source=str(held_out)
    )
    out = tmp_path / "out"
    row, first, before = score(run, out, capsys)
    assert not before and row["images"] == 20
    assert score(run, out, capsys)[2]
    folder = run_folder.checkpoints(run)
    step, arrays = checkpoint.read_newest(folder)
    arrays["classifier/classifier/bias"] += [100, 0]
    checkpoint.save(folder, step, arrays)
    changed, second, before = score(run, out, capsys)
    assert not before and changed["top1"] == 0.5  # Everything is a cat.
    assert second["step"] == first["step"]


def test_what_cannot_be_scored_is_an_empty_cell(photos, tmp_path, capsys):
    run = tiny_classifier.write(tmp_path / "run", photos)
    row = score_run(run, str(tmp_path), strategy=ONE, images=Data())
    assert (row["top1"], row["images"]) == (None, None)
    shown = capsys.readouterr().out
    assert "Not scored: " in shown and "no held-out images" in shown


def test_the_rest_of_a_flat_folders_labels_is_scored(tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", 12, ("all",)) / "all"
    names = sorted(os.listdir(photos))
    rows = [
        f"{name},{'cat' if i % 2 else 'dog'}" for i, name in enumerate(names)
    ]
    tables = {"all": rows, "few": rows[:8]}
    for name, lines in tables.items():
        text = "\n".join(["id,label", *lines])
        (tmp_path / f"{name}.csv").write_text(text)
    few, every = (str(tmp_path / f"{name}.csv") for name in ("few", "all"))
    run = tiny_classifier.write(tmp_path / "run", photos, labels=few)

    def scored(rest):
        return score_run(
            run,
            str(tmp_path),
            strategy=ONE,
            images=Data(source=str(photos), labels=few),
            rest=rest,
        )

    assert scored(every)["images"] == 4
    assert scored(few)["images"] is None
    assert "Not scored: " in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["encoder", "classifier"])
def test_a_stop_before_the_picture_is_no_score_yet(
    photos, tmp_path, capsys, monkeypatch, kind
):
    """Whoever finds the score looks at no pictures again."""
    if kind == "encoder":
        run = tiny_encoder.write(tmp_path / "run", photos)
        drawn = evaluate_encoder.run_pictures, "draw"
        picture = "summary.png"
    else:
        run = tiny_classifier.write(
            tmp_path / "run", photos, eval_source=str(photos)
        )
        drawn = evaluate_classifier, "confusion_sheet"
        picture = "confusion.png"

    def stop(*_, **__):
        raise Stopped("SIGTERM")

    images = {"source": photos, "eval_source": photos}
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(*drawn, stop)
        score(run, tmp_path / "out", capsys, **images)
    _, _, before = score(run, tmp_path / "out", capsys, **images)
    assert not before and (tmp_path / "out" / picture).exists()
