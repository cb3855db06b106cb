"""simclr predict: a CSV file of answers, in order, whole or not at all."""

import csv
import os

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.commands.use import predictions
from simclr.data.images.center_crop import center_view
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.explore.store.store import Store
from simclr.inference import features, forward
from simclr.messages.errors import InputError
from simclr.models import classifier
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder
from tests import tiny, tiny_classifier

CLASSES = ("cat", "dog, or wolf", "eel")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return tiny_classifier.write(folder, "photos", CLASSES)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty photos, some with names that a CSV file must quote."""
    folder = tmp_path_factory.mktemp("new")
    tiny.write_photos(folder, count=40, classes=("a", "b"))
    names = ['=a,"b".png', "+1.png", "@x y.png", "-ö.png", "c\r.png", " c.png"]
    for i, name in enumerate(names):
        os.rename(folder / "a" / f"{2 * i:03d}.png", folder / "a" / name)
    return folder


def say(capsys, *line):
    """(status, standard output, last line of the errors)."""
    status = cli.main([str(word) for word in line])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, (said.err.splitlines() or [""])[-1]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(run, photos):
    """Probabilities of every photo, one by one."""
    source = open_source(str(photos))
    net = weights.load_classifier(run).model
    reader = Reader(source)
    p = [
        classifier.probabilities(
            [net], center_view(reader.load(i)[0], 16)[None]
        ).numpy()[0]
        for i in range(len(source))
    ]
    return [source.id(i) for i in range(len(source))], np.array(p)


def test_rows_are_the_classifiers_answers(
    run, photos, tmp_path, capsys, monkeypatch
):
    # Batches smaller than the folder, the last one not full.
    whole = features.batches
    monkeypatch.setattr(
        predictions, "batches", lambda *a, **k: whole(*a, **k, batch_size=16)
    )
    out = tmp_path / "p.csv"
    status, said, _ = say(
        capsys,
        *("predict", run, photos, f"--out={out}", "--top=2"),
        "--probabilities",
    )
    assert status == 0
    ids, p = expected(run, photos)
    assert len({*p.argmax(1)}) > 1, "the test needs different answers"
    found = rows(out)
    assert list(found[0]) == [
        *("id", "label", "probability", "label_2", "probability_2"),
        *("p_cat", "p_dog, or wolf", "p_eel"),
    ]
    assert [row["id"] for row in found] == ids
    for row, row_p in zip(found, p):
        first, second = np.argsort(-row_p)[:2]
        assert row["label"] == CLASSES[first]
        assert row["label_2"] == CLASSES[second]
        for key, value in [
            ("probability", row_p[first]),
            ("probability_2", row_p[second]),
            *((f"p_{name}", row_p[i]) for i, name in enumerate(CLASSES)),
        ]:
            assert float(row[key]) == pytest.approx(value, rel=1e-3, abs=1e-6)
    assert f"40 images of {photos}" in said.splitlines()[-1]
    counts = np.bincount(p.argmax(1))
    assert f"{counts.max()} {CLASSES[counts.argmax()]}" in said
    assert os.listdir(tmp_path) == ["p.csv"]


@pytest.mark.slow  # As all that needs jax: make slow installs it.
def test_by_pjrt(run, photos, tmp_path, capsys, monkeypatch):
    """The same answers from jax's devices, and no batch by tf.distribute."""
    pytest.importorskip("jax")
    monkeypatch.setattr(forward, "_TensorFlow", None)
    out = tmp_path / "p.csv"
    flags = ["--probabilities", "--engine=pjrt", "--strategy=cpu"]
    line = ["predict", run, photos, f"--out={out}", *flags]
    status, said, error = say(capsys, *line)
    assert status == 0, error
    assert "1 x cpu by PJRT" in said
    ids, p = expected(run, photos)
    found = rows(out)
    assert [row["id"] for row in found] == ids
    p_found = [[float(row[f"p_{name}"]) for name in CLASSES] for row in found]
    np.testing.assert_allclose(p_found, p, rtol=1e-3, atol=1e-6)


def test_a_store_is_told(run, photos, tmp_path, capsys):
    some, store = tmp_path / "some", tmp_path / "store"
    some.mkdir()
    for name in ("a", "b"):
        (some / name).symlink_to(photos / name)
    assert cli.main(["embed", run, f"folder:{some}", f"--out={store}"]) == 0
    found = Store(str(store))
    before = found.read(["id", "cluster", "label"])
    tiny.write_photos(some / "c", count=3, classes=("c",))
    out = tmp_path / "p.csv"
    line = ["predict", run, some, f"--out={out}", f"--store={store}"]
    status, said, error = say(capsys, *line)
    assert status == 0, error
    assert "predictions of 40 of 43 images" in said.splitlines()[-1]
    found.refresh()
    after = found.read(["id", "cluster", "label", "prediction"])
    wanted = {f"{some}/{row['id']}": row["label"] for row in rows(out)}
    assert after["prediction"].to_pylist() == [
        wanted[name] for name in after["id"].to_pylist()
    ]
    assert sorted(before.to_pylist(), key=lambda row: row["id"]) == sorted(
        after.drop_columns("prediction").to_pylist(), key=lambda row: row["id"]
    )
    status, _, error = say(capsys, *line[:-1], f"--store={tmp_path}/none")
    assert status != 0 and "is no store" in error


def test_predictions_are_labels(run, photos, tmp_path, capsys):
    out = tmp_path / "p.csv"
    say(capsys, "predict", run, photos, f"--out={out}")
    source = open_source(str(photos), labels=str(out))
    found = [source.class_names[label] for label in source.labels]
    assert found == [row["label"] for row in rows(out)]


def test_unreadable_images_are_left_out_and_listed(run, tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=20)
    (photos / "cat" / "004.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    out = tmp_path / "p.csv"
    status, said, _ = say(capsys, "predict", run, photos, f"--out={out}")
    assert status == 0 and "1 unreadable image left out" in said
    ids = [row["id"] for row in rows(out)]
    assert len(ids) == 19 and "cat/004.png" not in ids
    listed = f"{out}.unreadable.tsv"
    with open(listed) as file:
        assert file.read().startswith("cat/004.png\t")
    (photos / "cat" / "004.png").unlink()
    assert say(capsys, "predict", run, photos, f"--out={out}")[0] == 0
    assert not os.path.exists(listed), "of the file that was replaced"


def test_only_predictions_are_replaced(run, photos, tmp_path, capsys):
    out = tmp_path / "p.csv"
    for _ in range(2):
        assert say(capsys, "predict", run, photos, f"--out={out}")[0] == 0
    out.write_text("id,label\na.png,cat\n")
    status, _, error = say(capsys, "predict", run, photos, f"--out={out}")
    assert status == 2 and "no file of predictions" in error
    assert out.read_text() == "id,label\na.png,cat\n"


def test_a_failure_leaves_the_old_file(
    run, photos, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "p.csv"
    say(capsys, "predict", run, photos, f"--out={out}")
    before = out.read_text()

    def broken(*_, **__):
        yield np.arange(2), np.full([2, 3], 1 / 3)
        raise InputError("the disk is gone")

    monkeypatch.setattr(predictions, "batches", broken)
    status, _, error = say(capsys, "predict", run, photos, f"--out={out}")
    assert status == 2 and error == "simclr: the disk is gone"
    assert out.read_text() == before and os.listdir(tmp_path) == ["p.csv"]


def test_bad_input_is_one_line(run, photos, tmp_path, capsys):
    pretrained = tmp_path / "pretrained"
    with run_folder.open_run(
        str(pretrained), tiny.config(photos), {"data": {}, "classes": None}
    ):
        checkpoint.save(run_folder.checkpoints(str(pretrained)), 1, {})
    for line, message in [
        ((pretrained, photos), "Make one with simclr finetune --init="),
        ((tmp_path, photos), "no run folder"),
        ((run, tmp_path / "nowhere"), "There is no folder"),
        ((run, photos, "--top=4"), "has 3 classes"),
        ((run, photos, f"--out={tmp_path}/no/p.csv"), "there is no folder"),
        ((run, photos, f"--out={tmp_path}"), "no file of predictions"),
        ((run,), "usage: simclr predict RUN DATA"),
    ]:
        status, _, error = say(capsys, "predict", *line)
        assert status == 2 and message in error, error
        assert not os.path.exists("predictions.csv")
