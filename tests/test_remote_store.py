"""A store in gs://: the whole chain, by a bucket in memory."""

import os

import numpy as np
import pyarrow.csv
import pytest

from simclr import __main__ as cli
from simclr.explore.store import store
from simclr.messages.errors import InputError
from tests import made_store, tiny, tiny_classifier
from tests.fake_bucket import fake_bucket

GS = "gs://bucket/photos"


@pytest.fixture
def objects(monkeypatch):
    with fake_bucket(monkeypatch) as found:
        yield found


def table_of(path):
    found = store.Store(str(path))
    assert found.current.number == 1
    return found.table.to_table().sort_by("id")


def test_the_chain_is_as_on_a_disk(objects, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    photos = tmp_path / "photos"
    tiny.write_photos(photos / "old", count=30, classes=("a", "b"))
    run = tiny_classifier.write(tmp_path / "run", "photos")
    local = tmp_path / "store"
    for place in (GS, str(local)):
        out = tmp_path / place.rpartition("/")[2]

        def say(*line, place=place):
            assert cli.main([str(word) for word in line]) == 0, place

        say("embed", run, photos / "old", f"--out={place}", "--day=2026-01-01")
        assert "30 images; 30 new" in capsys.readouterr().out
        say("cluster", place, "--k=3", "--dims=8", f"--out={out}/clusters")
        say("dedup", place, "--threshold=0.9", f"--out={out}/dedup")
        new = tmp_path / "photos" / "new"
        if not new.exists():
            tiny.write_photos(new, count=8, classes=("c",), seed=7)
        line = ("day", place, new, "--day=2026-01-02", f"--out={out}/day")
        say(*line)
        say(*line)  # Changes nothing.
        say("neighbours", place, f"{new}/c/000.png", f"--out={out}/near")
        say("select", place, "-n", 2, f"--out={out}/labels")
        say("predict", run, new, f"--out={out}/p.csv", f"--store={place}")
        say("embeddings", "export", place, f"--out={out}/vectors.parquet")
    assert table_of(GS).equals(table_of(local))
    for name in ("day/new.csv", "near/neighbours.csv", "labels/labels.csv"):
        one, other = (
            pyarrow.csv.read_csv(tmp_path / folder / name)
            for folder in ("photos", "store")
        )
        assert one.equals(other), name
    assert all(name.startswith("bucket/photos/") for name in objects)
    assert not any("://" in name for name in os.listdir())


def test_a_report_needs_a_folder(objects, capsys):
    made_store.begin(GS, np.eye(20, dtype=np.float16))
    assert cli.main(["cluster", GS, "--k=2"]) != 0
    assert "gs://bucket/photos is remote: say --out=FOLDER" in (
        capsys.readouterr().err
    )


def test_a_killed_replacement_is_finished(objects):
    begun = made_store.begin(GS, np.eye(20, dtype=np.float16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.Store, "_finish_replacing", lambda self: None)
        begun.replace({"cluster": np.arange(20, dtype=np.int32)})
    with store.held(GS):
        pass
    assert table_of(GS)["cluster"].to_pylist() == list(range(20))


def test_what_cannot_be_opened_is_not_taken_for_nothing(objects, monkeypatch):
    assert not store.is_store(GS)
    made_store.begin(GS, np.eye(20, dtype=np.float16))
    (last,) = (name for name in objects if name.endswith(".manifest"))
    objects[last] = objects[last][:20]
    with pytest.raises(InputError, match=r"gs://bucket/photos is damaged"):
        store.is_store(GS)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "{}")
    with pytest.raises(InputError, match="credential"), store.held(GS):
        pass
