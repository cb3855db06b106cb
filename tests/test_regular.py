"""What is named as a file and is none: read by nobody, waited for by nobody."""

import contextlib
import os
import signal
import types

import pytest

from simclr.data.images import check
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.frozen import files as frozen_files
from simclr.messages.errors import in_one_line, is_bad_input
from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.storage import (
    array_file,
    cache,
    files,
    json_text,
    regular,
    tables,
)
from tests.images import write

PIPE = "a named pipe, no regular file"


@pytest.fixture(autouse=True)
def no_waiting():
    """A read that waits ends the test, not the suite."""

    def waited(*_):
        raise AssertionError("it waits for a pipe")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return str(path)


@pytest.fixture
def photos(tmp_path, pipe, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    write(root / "a.png", 0)
    (root / "b.png").symlink_to(pipe)
    (root / "c.png").symlink_to("/dev/zero")
    (root / "d.png").symlink_to(tmp_path)
    return str(root)


def test_links_to_what_is_no_file_are_unreadable_images(photos, capsys):
    bad = check.check(open_source(photos), progress=False)
    assert bad == [
        ("b.png", PIPE),
        ("c.png", "a device, no regular file"),
        ("d.png", "a folder, no regular file"),
    ]
    reader = Reader(open_source(photos))
    _, replaced = reader.load(1)
    assert replaced and reader.bad["b.png"] == PIPE


def test_a_file_larger_than_any_image_is_not_read(photos):
    with open(os.path.join(photos, "e.png"), "wb") as file:
        file.truncate((1 << 30) + 1)
    reader = Reader(open_source(photos))
    reader.load(4)
    assert reader.bad["e.png"] == "larger than 1 GiB"


def test_a_file_that_has_nothing_to_read_yet_is_empty(tmp_path, monkeypatch):
    """As /proc/kmsg: its read is None, not b""."""
    path = tmp_path / "x"
    path.write_bytes(b"x")
    reader = types.SimpleNamespace(read=lambda: None, fileno=lambda: 0)
    with monkeypatch.context() as patched:
        opened = contextlib.nullcontext(reader)
        patched.setattr("builtins.open", lambda *_, **__: opened)
        patched.setattr("os.fstat", lambda _: os.stat(path))
        assert regular.read(path, 10) == b""


def test_a_pipe_named_as_the_newest_checkpoint_is_passed_over(tmp_path):
    checkpoint.save(tmp_path, 1, {"x": [1.0]})
    os.mkfifo(checkpoint.path_of(tmp_path, 2))
    said = []
    step, _ = checkpoint.read_newest(tmp_path, said.append)
    assert step == 1
    assert PIPE in said[0]


@pytest.mark.parametrize(
    "read",
    [
        array_file.mapped,
        files.read_file,
        json_text.read,
        tables.read,
        checkpoint.digest,
        metrics.read,
        lambda path: regular.read(path, 10),
        lambda path: open_source(f"idx:{path}"),
    ],
)
def test_no_reader_waits(read, pipe):
    with pytest.raises(OSError, match=PIPE) as caught:
        read(pipe)
    assert is_bad_input(caught.value)
    assert in_one_line(caught.value) == f"{pipe}: {PIPE}"


@pytest.mark.parametrize("name", ["net.onnx", "net.keras"])
def test_no_pipe_is_a_frozen_encoder(tmp_path, pipe, name):
    os.symlink(pipe, tmp_path / name)
    with pytest.raises(OSError, match=PIPE) as caught:
        frozen_files.require(str(tmp_path / name))
    assert is_bad_input(caught.value)


def test_no_reader_of_a_run_waits(tmp_path, pipe):
    assert cache.read(pipe) is None
    for name in ("config.json", "run.json", "finished"):
        os.symlink(pipe, tmp_path / name)
    for read in (run_folder.read_config, run_folder.read_facts):
        with pytest.raises(OSError, match=PIPE):
            read(str(tmp_path))
    assert not run_folder.is_finished(str(tmp_path))


def test_where_there_is_no_home_nothing_is_cached(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    path = cache.path_for("index", "x")
    cache.write(path, b"kept")
    assert cache.read(path) is None
    assert os.listdir(tmp_path) == []
