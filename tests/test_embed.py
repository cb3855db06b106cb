"""simclr embed: from the command line to a store that grows."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from simclr import __main__ as cli
from simclr.commands.explore import days
from simclr.data.images.center_crop import center_view
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.explore.looks import look
from simclr.explore.reports import of_neighbours
from simclr.explore.store.store import Store
from simclr.inference import shard_writer
from simclr.messages.errors import InputError
from simclr.runs import weights
from tests import tiny, tiny_classifier
from tests.tiny import BAD


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_classifier.write(tmp_path_factory.mktemp("run"), "photos")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return str(tiny.write_photos_and_a_bad_one(tmp_path_factory.mktemp("new")))


def vectors_of(run, photos):
    """dict of id -> the features of an image alone."""
    reader = Reader(open_source(photos))
    model = weights.load_encoder(run).model
    found = {}
    for i in range(len(reader.source)):
        image, replaced = reader.load(i)
        if not replaced:
            name = f"{photos}/{reader.source.id(i)}"
            found[name] = model(center_view(image, 16)[None])[0]
    return found


@pytest.fixture(scope="module")
def expected(run, photos):
    return vectors_of(run, photos)


def assert_holds(out, expected):
    """A store has these vectors, each once, and no other."""
    found = Store(str(out))
    ids = found.read(["id"]).column("id").to_pylist()
    assert sorted(ids) == sorted(expected)
    h = np.concatenate(list(found.blocks()))
    wanted = np.array([expected[name] for name in ids])
    np.testing.assert_allclose(h, wanted, rtol=2e-3, atol=1e-3)
    return found


def embed(run, photos, out, *flags):
    return cli.main(["embed", run, str(photos), f"--out={out}", *flags])


def test_a_store(run, photos, expected, tmp_path, capsys):
    out = tmp_path / "store"
    assert embed(run, photos, out, "--day=2026-01-02") == 0
    said = capsys.readouterr()
    assert "19 images; 19 new;" in said.out
    assert said.err.endswith(f"Next: simclr cluster {out}\n")
    found = assert_holds(out, expected)
    listed = (out / "unreadable.tsv").read_text()
    assert listed.startswith(f"{photos}/{BAD}\t") and listed.count("\n") == 1
    row = found.table.to_table(filter="id like '%/b/001.png'").to_pylist()[0]
    path = os.path.join(photos, "b", "001.png")
    status = os.stat(path)
    with Image.open(path) as image:
        pixels = np.array(image.convert("RGB"))
    assert row["source"] == photos and row["label"] == "b"
    assert row["bytes"] == status.st_size
    assert row["time"] == status.st_mtime_ns // 1000
    assert (row["height"], row["width"]) == pixels.shape[:2]
    assert row["day"] == "2026-01-02" and row["gone"] is None
    assert row["model"] == found.current.fingerprint
    small = cv2.imdecode(np.frombuffer(row["thumbnail"], np.uint8), 1)
    assert max(small.shape) <= 48
    assert not os.listdir(out / "pending")
    version = found.table.version
    assert embed(run, photos, out) == 0
    said = capsys.readouterr().out
    assert "19 images; nothing new;" in said and "1 unreadable" in said
    assert Store(str(out)).table.version == version


def test_only_a_damaged_image_is_new(run, photos, tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "store"
    shutil.copytree(photos, folder)
    good = (folder / "a" / "002.png").read_bytes()
    (folder / BAD).write_bytes(good)
    assert embed(run, folder, out) == 0
    bad = folder / "a" / "new.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    for said in ("nothing new", "nothing new"):
        assert embed(run, folder, out) == 0
        assert said in capsys.readouterr().out
        assert (out / "unreadable.tsv").read_text().count("\n") == 1
    bad.write_bytes(good)  # Mended, it is new.
    assert embed(run, folder, out) == 0
    assert not (out / "unreadable.tsv").exists()
    assert_holds(out, vectors_of(run, str(folder)))


def test_a_folder_that_changes(run, photos, tmp_path, capsys):
    """New, changed, gone and back: what is in the store is what is there."""
    folder, out = tmp_path / "photos", tmp_path / "store"
    shutil.copytree(photos, folder)
    (folder / BAD).unlink()
    assert embed(run, folder, out) == 0
    first, other = folder / "a" / "000.png", folder / "b" / "003.png"
    kept = other.read_bytes()
    shutil.copy(folder / "b" / "005.png", first)
    shutil.copy(folder / "b" / "001.png", folder / "a" / "new.png")
    stamp = os.stat(other)
    other.unlink()
    capsys.readouterr()
    assert embed(run, folder, out, "--day=2026-01-03") == 0
    assert "1 new, 1 changed, 1 gone;" in capsys.readouterr().out
    found = assert_holds(out, vectors_of(run, str(folder)))
    gone = found.read(["id", "gone"], where="gone is not null").to_pylist()
    assert gone == [{"id": str(other), "gone": "2026-01-03"}]
    other.write_bytes(kept)
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert embed(run, folder, out) == 0
    assert "1 back;" in capsys.readouterr().out
    assert_holds(out, vectors_of(run, str(folder)))


def test_a_killed_run_goes_on(run, photos, expected, tmp_path, monkeypatch):
    """Whole shards are not computed again, though the folder has grown."""
    folder, out = tmp_path / "photos", tmp_path / "store"
    shutil.copytree(photos, folder)
    (folder / BAD).unlink()
    looked = []
    stream, size = shard_writer.stream, shard_writer.write_shards

    def killed(encoder, views, rows, **options):
        for part, h in stream(encoder, views, rows, **options):
            looked.extend(part)
            yield part, h
            if len(looked) >= 12:
                raise KeyboardInterrupt

    monkeypatch.setattr(shard_writer, "stream", killed)
    monkeypatch.setattr(
        shard_writer,
        "write_shards",
        lambda *a, **k: size(*a, images_per_shard=4, **k),
    )
    with pytest.raises(KeyboardInterrupt):
        embed(run, folder, out)
    assert len(looked) == 12 and not (out / "images.lance").exists()
    monkeypatch.setattr(shard_writer, "stream", counting := Counting(stream))
    shutil.copy(folder / "b" / "001.png", folder / "a" / "0000.png")
    assert embed(run, folder, out) == 0
    assert counting.looked == 20 - 8  # Two shards of four were whole.
    assert_holds(out, vectors_of(run, str(folder)))


class Counting:
    """A stream that counts its images."""

    def __init__(self, stream):
        self._stream, self.looked = stream, 0

    def __call__(self, *args, **options):
        for part, h in self._stream(*args, **options):
            self.looked += len(part)
            yield part, h


def test_an_image_that_was_damaged_is_gone(run, photos, tmp_path, capsys):
    """It keeps no new encoder from being the store's, and comes back."""
    other = tiny_classifier.write(tmp_path / "other", "photos", seed=2)
    folder, out = tmp_path / "photos", tmp_path / "store"
    shutil.copytree(photos, folder)
    (folder / BAD).unlink()
    assert embed(run, folder, out) == 0
    image = folder / "b" / "003.png"
    good = image.read_bytes()
    image.write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    for said in ("18 images; 1 gone;", "18 images; nothing new;"):
        assert embed(run, folder, out) == 0
        assert said in capsys.readouterr().out
    assert embed(other, folder, out) == 0
    assert "the store's from now on" in capsys.readouterr().out
    image.write_bytes(good)
    assert embed(other, folder, out) == 0
    assert_holds(out, vectors_of(other, str(folder)))


def test_another_encoder(run, photos, expected, tmp_path, capsys):
    """Its vectors are its own; it is the store's once it has seen all."""
    other = tiny_classifier.write(tmp_path / "other", "photos", seed=2)
    out, more = tmp_path / "store", tmp_path / "more"
    tiny.write_photos(more, count=4, classes=("c", "d"))
    assert embed(run, photos, out) == 0
    assert embed(run, more, out) == 0
    assert embed(other, photos, out) == 0
    assert "4 images of other sources to embed" in capsys.readouterr().out
    assert_holds(out, expected | vectors_of(run, str(more)))
    assert embed(other, more, out) == 0
    assert "the store's from now on" in capsys.readouterr().out
    both = vectors_of(other, photos) | vectors_of(other, str(more))
    found = assert_holds(out, both)
    assert found.current.number == 2
    old = found.table.to_table(columns=["id", "vector"]).to_pylist()
    for row in old:
        if row["id"] in expected:
            np.testing.assert_allclose(
                row["vector"], expected[row["id"]], rtol=2e-3, atol=1e-3
            )


def test_a_source_that_is_gone(run, photos, expected, tmp_path, capsys):
    """The images of a folder with another name are there once."""
    folder, out = tmp_path / "photos", tmp_path / "store"
    shutil.copytree(photos, folder)
    assert embed(run, folder, out, "--gone") == 2
    assert "is no store" in capsys.readouterr().err and not out.exists()
    assert embed(run, folder, out) == 0
    shutil.rmtree(folder)
    assert embed(run, photos, out) == 0
    assert embed(run, tmp_path / "other", out, "--gone") == 2
    assert f"it has images of {photos}, {folder}" in capsys.readouterr().err
    for said in ("19 images", "0 images"):
        assert embed(run, folder, out, "--gone", "--day=2026-01-03") == 0
        assert f"{said} of {folder} marked as gone" in capsys.readouterr().out
    found = assert_holds(out, expected)
    assert found.count("gone = '2026-01-03'") == 19


def test_what_stops_it_before_work(run, photos, tmp_path, capsys):
    assert embed(str(tmp_path), photos, tmp_path / "x") == 2
    assert "is no run folder" in capsys.readouterr().err
    assert embed(run, photos, tmp_path / "x", "--day=tomorrow") == 2
    assert "--day=tomorrow is no day" in capsys.readouterr().err
    assert embed(run, photos, photos) == 2
    assert "holds something else" in capsys.readouterr().err
    with pytest.raises(InputError):
        days.checked("2026-02-30")


def test_a_look_at_an_image():
    """Sharper images are sharper; a thumbnail keeps its shape."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, [90, 160, 3], np.uint8)
    found = look(image)
    small = cv2.imdecode(np.frombuffer(found["thumbnail"], np.uint8), 1)
    assert small.shape == (27, 48, 3)
    assert (found["width"], found["height"]) == (160, 90)
    blurred = cv2.GaussianBlur(image, (0, 0), 2)
    assert look(blurred)["sharpness"] < found["sharpness"] / 10
    gray = image.astype(float) @ [0.299, 0.587, 0.114]
    padded = np.pad(np.rint(gray), 1, mode="reflect")
    laplacian = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2]
        + padded[1:-1, 2:] - 4 * padded[1:-1, 1:-1]
    )  # fmt: skip
    np.testing.assert_allclose(found["sharpness"], laplacian.var(), rtol=0.01)
    assert (
        max(
            cv2.imdecode(
                np.frombuffer(look(image[:5, :7])["thumbnail"], np.uint8), 1
            ).shape
        )
        == 7
    )


def start(run, photos, out, *flags, **env):
    line = ["embed", run, photos, f"--out={out}", *flags]
    return subprocess.Popen(
        [sys.executable, "-m", "simclr", *line],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **env},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_by_pjrt(run, photos, expected, tmp_path):
    """On two of jax's devices, in a process of its own."""
    out = tmp_path / "store"
    flags = ["--engine=pjrt", "--strategy=cpu", "--replicas=2"]
    process = start(run, photos, out, *flags)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    assert_holds(out, expected)


# Two workers pass a stream together; rows 4 and 22 are another's to read.
_TOGETHER = """
import sys
import numpy as np
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import make_strategy
from simclr.engines.workers import Workers
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.runs import weights

run, photos, out = sys.argv[1:]
strategy, _ = make_strategy("multiworker")
workers = Workers(strategy)
reader = Reader(open_source(photos))
looked = []
load = reader.load
reader.load = lambda row: looked.append(int(row)) or load(row)
rows, h = features.embed(
    Infer(weights.load_encoder(run, strategy).model, strategy),
    reader,
    image_size=16,
    batch_size=6,
    workers=workers,
    progress=False,
)
np.savez(f"{out}{workers.index}", rows=rows, h=h, looked=looked,
         bad=list(reader.bad))
"""


def cluster():
    """TF_CONFIG of each of two workers on this machine."""
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            ports.append(probe.getsockname()[1])
    names = [f"localhost:{port}" for port in ports]
    return [
        json.dumps(
            {
                "cluster": {"worker": names},
                "task": {"type": "worker", "index": i},
            }
        )
        for i in range(2)
    ]


@pytest.mark.slow
def test_two_workers_share_a_pass(run, photos, expected, tmp_path):
    """Each decodes its half, both have all of the rows."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TOGETHER, run, photos, f"{tmp_path}/w"],
            env={**os.environ, "PYTHONPATH": os.getcwd(), "TF_CONFIG": config},
            stderr=subprocess.PIPE,
            text=True,
        )
        for config in cluster()
    ]
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said[-3000:]
    looked = []
    for i in range(2):
        found = np.load(tmp_path / f"w{i}.npz")
        assert len(found["rows"]) == 19 and list(found["bad"]) == ["a/004.png"]
        wanted = np.array(list(expected.values()))
        np.testing.assert_allclose(found["h"], wanted, rtol=1e-4, atol=1e-5)
        looked.append(set(found["looked"].tolist()))
    assert looked[0] | looked[1] == set(range(20))
    assert len(looked[0] & looked[1]) <= 1  # The unreadable one.


def test_two_workers_fill_one_store(run, photos, expected, tmp_path):
    out = tmp_path / "store"
    processes = [
        start(run, photos, out, "--strategy=multiworker", TF_CONFIG=config)
        for config in cluster()
    ]
    for process in processes:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said[-3000:]
    assert_holds(out, expected)
    assert (out / "unreadable.tsv").read_text().count("\n") == 1


def test_a_day(run, photos, tmp_path, capsys):
    """Yesterday's store, today's folder; again, and nothing changes."""
    out, today = tmp_path / "store", tmp_path / "today"
    tiny.write_photos(today, count=8, classes=("c", "d"), seed=5)
    assert embed(run, photos, out, "--day=2026-01-01") == 0
    line = ["day", str(out), str(today), "--day=2026-01-02"]
    capsys.readouterr()
    assert cli.main(line) == 2
    assert "has no clusters yet: `simclr cluster" in capsys.readouterr().err
    assert cli.main(["cluster", str(out), "--k=2", "--day=2026-01-01"]) == 0
    assert cli.main(["dedup", str(out)]) == 2, "too few for a threshold"
    assert cli.main(["dedup", str(out), "--threshold=0.9"]) == 0
    assert cli.main(["page", str(out)]) == 0
    listed = []
    for _ in range(2):
        capsys.readouterr()
        assert cli.main(line) == 0
        assert "2026-01-02: 8 images" in capsys.readouterr().out
        listed.append((out / "days" / "2026-01-02" / "new.csv").read_text())
        new = (out / "days" / "2026-01-02" / "new.html").read_text()
        assert '"title":"New on 2026-01-02"' in new and '"count":8,' in new
    assert listed[0] == listed[1] and listed[0].count("\n") == 9
    assert (out / "days" / "2026-01-02" / "new.png").stat().st_size > 1000
    found = Store(str(out))
    assert found.count() == 27
    assert found.read(["cluster"])["cluster"].null_count == 0
    assert found.beside("duplicates_rows").count_rows() == 27
    tiny.write_photos(today, count=1, classes=("c",), seed=6)
    line[-1] = "--day=2026-01-03"
    assert cli.main(line) == 0
    assert "2026-01-03: 1 image (1 changed)" in capsys.readouterr().out
    with open(out / "days" / "2026-01-03" / "new.csv") as file:
        found = [(row["id"], row["state"]) for row in csv.DictReader(file)]
    assert found == [(f"{today}/c/000.png", "changed")]
    other = tiny_classifier.write(tmp_path / "other", "photos", seed=2)
    assert cli.main([*line, f"--run={other}"]) == 2
    assert "holds another encoder" in capsys.readouterr().err


def test_neighbours_of_files(run, photos, tmp_path, capsys, monkeypatch):
    """Of a file, of a folder: embedded as the store's images are, and drawn."""
    drawn, draw = [], of_neighbours.sheets.draw

    def drawing(pictures, *args, **words):
        drawn.append(pictures)
        draw(pictures, *args, **words)

    monkeypatch.setattr(of_neighbours.sheets, "draw", drawing)
    out = tmp_path / "store"
    assert embed(run, photos, out) == 0
    copy = tmp_path / "copies" / "copy.png"
    copy.parent.mkdir()
    shutil.copy(f"{photos}/b/003.png", copy)
    for query in (copy, copy.parent):
        line = ["neighbours", str(out), str(query), "--count=3"]
        assert cli.main(line) == 0
        folder = out / "neighbours"
        rows = (folder / "neighbours.csv").read_text().splitlines()
        assert len(rows) == 4 and f"{photos}/b/003.png" in rows[1]
        assert str(copy) in rows[1]
        pictures = drawn.pop()
        with Image.open(copy) as image:
            np.testing.assert_array_equal(pictures["query", str(copy)], image)
        (folder / "neighbours.png").unlink()
    copy.write_bytes(b"\x89PNG no")
    assert cli.main(["neighbours", str(out), str(copy)]) == 2
    assert "cannot be read" in capsys.readouterr().err
