"""Disks that are full: the line names the file, and no half file stays.

The size that the system lets this process give a file stands for the disk: a
write that goes beyond it fails as one to a full disk does.
"""

import contextlib
import errno
import os
import resource
import shutil
import subprocess

import numpy as np
import pytest

from simclr import config as config_lib
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.export import check, net, written
from simclr.export.formats import FORMATS
from simclr.messages.errors import in_one_line, is_bad_input
from simclr.runs import checkpoint, metrics, weights
from simclr.runs import folder as run_folder
from simclr.storage import array_file, whole
from tests import tiny_encoder
from tests.images import write


@contextlib.contextmanager
def most_bytes(number):
    """No file grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_names_the_file_and_leaves_nothing(tmp_path):
    path = str(tmp_path / "p.csv")
    whole.write_whole(path, "before")
    with most_bytes(1000), pytest.raises(OSError) as caught:
        whole.write_whole(path, "x" * 100_000)
    assert caught.value.filename == path
    assert os.listdir(tmp_path) == ["p.csv"]
    with open(path) as file:
        assert file.read() == "before"


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_an_array_that_fails_names_the_file(tmp_path, dtype):
    path, array = str(tmp_path / "a.npy"), np.arange(1000).astype(dtype)
    array_file.write_whole(path, array)
    with most_bytes(1000), pytest.raises(OSError) as caught:
        array_file.write_whole(path, array)
    assert in_one_line(caught.value) == f"{path}: File too large"
    assert os.listdir(tmp_path) == ["a.npy"]
    np.testing.assert_array_equal(array_file.mapped(path), array)


def test_a_row_of_metrics_that_fails_names_the_file(tmp_path):
    rows = metrics.Rows(str(tmp_path), 0)
    with most_bytes(100), pytest.raises(OSError) as caught:
        rows.write(1, loss="x" * 200)
    assert caught.value.filename == str(tmp_path / "metrics.jsonl")


def arrays(number=1000):
    return {"encoder/a": np.arange(number, dtype=np.float32)}


def test_a_save_that_fails_keeps_the_one_before(tmp_path):
    checkpoint.save(tmp_path, 1, arrays(), keep=1)
    with most_bytes(1000), pytest.raises(OSError) as caught:
        checkpoint.save(tmp_path, 2, arrays(), keep=1)
    assert caught.value.filename == checkpoint.path_of(tmp_path, 2)
    assert os.listdir(tmp_path) == ["step_000000001.npz"]
    assert checkpoint.read_newest(tmp_path)[0] == 1


def left(folder, monkeypatch, *, free):
    """What a killed save left; the disk has room only without it."""
    left = folder / ".writing-0123-step_000000007.npz"
    left.write_bytes(b"killed")
    disk = shutil.disk_usage(folder)

    def usage(path):
        return disk._replace(free=0 if left.exists() else free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return left


def test_what_a_killed_save_left_goes_before_the_next(tmp_path, monkeypatch):
    left(tmp_path, monkeypatch, free=1 << 20)
    checkpoint.save(tmp_path, 2, arrays())
    assert os.listdir(tmp_path) == ["step_000000002.npz"]


def test_a_checkpoint_without_room_is_named(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, arrays(), keep=1)
    left(tmp_path, monkeypatch, free=1000)
    with pytest.raises(OSError) as caught:
        checkpoint.save(tmp_path, 2, arrays(), keep=1)
    assert caught.value.errno == errno.ENOSPC
    line = in_one_line(caught.value)
    assert "step_000000002.npz" in line
    assert "takes 0.0 MB, and its disk has 0.0 MB left" in line
    assert os.listdir(tmp_path) == ["step_000000001.npz"]


def test_what_a_killed_save_left_goes_when_a_run_starts(tmp_path):
    run = str(tmp_path / "run")
    folder = run_folder.checkpoints(run)
    os.makedirs(folder)
    with open(os.path.join(folder, ".writing-0123-step_1.npz"), "wb") as file:
        file.write(b"killed")
    config = config_lib.settled(config_lib.Config())
    facts = {"data": {"images": 1, "fingerprint": "0"}}
    with run_folder.open_run(run, config, facts):
        assert os.listdir(folder) == []


def test_a_mapped_array_takes_its_room_at_once(tmp_path):
    path = tmp_path / "a.npy"
    array = array_file.create(path, np.float32, (1000, 100))
    assert path.stat().st_blocks * 512 >= array.nbytes
    array[:] = 7
    array.flush()
    np.testing.assert_array_equal(np.load(path), np.full([1000, 100], 7))


@pytest.mark.parametrize("file_format", ["arrayrecord", "tfrecord"])
def test_prepare_names_the_shard_and_leaves_no_half(
    tmp_path, monkeypatch, file_format
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(40):
        size = 64, 64  # About 12 kB each.
        write(tmp_path / "photos" / f"{number:02}.png", number, size=size)
    source, out = open_source(str(tmp_path / "photos")), tmp_path / "out"
    options = {
        "file_format": file_format,
        "shard_bytes": 200_000,
        "progress": False,
    }
    with most_bytes(100_000), pytest.raises(OSError) as caught:
        prepare(source, str(out), **options)
    assert caught.value.filename == str(out / f"images-00000.{file_format}")
    assert os.listdir(out) == ["dataset.json"]
    assert prepare(source, str(out), **options).num_examples == 40


def test_an_export_names_the_file_and_keeps_the_older_one(tmp_path):
    """By each library's own writer; LiteRT's file is made of a SavedModel."""
    run = tiny_encoder.write(tmp_path / "run", "photos")
    built = net.build(weights.load_parts(run))
    out = tmp_path / "out"
    out.mkdir()
    for name, _ in FORMATS.values():
        (out / name).write_text("of an older export")
    for kind, name in (
        ("keras", "model.keras"),
        ("savedmodel", "saved_model"),
        ("onnx", "model.onnx"),
        ("litert", "saved_model"),
    ):
        with most_bytes(2000), pytest.raises(OSError) as caught:
            written.write(built, (kind,), [], str(out), None)
        assert caught.value.filename == str(out / name), kind
        assert caught.value.errno == errno.EFBIG, kind
        assert len(os.listdir(out)) == len(FORMATS), kind


def test_a_full_disk_of_the_checks_process_is_no_fault_of_a_file(
    tmp_path, monkeypatch
):
    run = tiny_encoder.write(tmp_path / "run", "photos")
    built = net.build(weights.load_parts(run))
    image = np.zeros([64, 64, 3], np.uint8)
    line = f"OSError: [Errno 28] {os.strerror(errno.ENOSPC)}"
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, "", line),
    )
    with pytest.raises(OSError, match="No space left") as caught:
        check.differences(built, [image], {"keras": "model.keras"})
    assert not is_bad_input(caught.value)
    with most_bytes(10_000), pytest.raises(OSError) as caught:
        check.differences(built, [image], {"keras": "model.keras"})
    assert caught.value.filename.endswith("x.npz")
