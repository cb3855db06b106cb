"""Files that are there whole or not at all, and what a kill leaves."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from simclr.storage import whole


def writing(path):
    """A process that has written a part of a file and waits."""
    code = """
        import sys, time
        from simclr.storage.whole import whole_file
        with whole_file(sys.argv[1]) as file:
            file.write("half")
            file.flush()
            print("writing", flush=True)
            time.sleep(600)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"writing\n"
    return process


def end(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_what_a_kill_left_goes_with_the_next_file(tmp_path):
    path = tmp_path / "a [1]*.csv"
    end(writing(path))
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".writing-") and (tmp_path / left).read_text()
    others = [
        *(".writing-0123-b.csv", ".writing-0123-a [1]*.csv.tsv"),
        *(".writing-mine-a [1]*.csv", "0123-a [1]*.csv"),
    ]
    for name in others:
        (tmp_path / name).write_text("of something else")
    whole.write_whole(path, "all")
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, *others])
    assert path.read_text() == "all"


def test_what_is_still_being_written_stays(tmp_path):
    path = tmp_path / "p.csv"
    process = writing(path)
    try:
        whole.write_whole(path, "all")
        assert len(os.listdir(tmp_path)) == 2
    finally:
        end(process)
    whole.write_whole(path, "again")
    assert os.listdir(tmp_path) == ["p.csv"]


def test_two_at_once_in_one_process(tmp_path):
    path = tmp_path / "p.csv"
    with whole.whole_file(path) as one:
        one.write("one")
        with whole.whole_file(path) as two:
            two.write("two")
        assert path.read_text() == "two"
    assert path.read_text() == "one" and os.listdir(tmp_path) == ["p.csv"]


def test_an_error_leaves_nothing(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("before")
    with pytest.raises(KeyError), whole.whole_file(path) as file:
        file.write("half")
        raise KeyError
    assert os.listdir(tmp_path) == ["p.csv"] and path.read_text() == "before"
    with pytest.raises(FileNotFoundError):
        whole.write_whole(tmp_path / "no" / "p.csv", "all")


def test_a_mapped_file(tmp_path):
    """NumPy writes into a file that is there and locked."""
    path = tmp_path / "a.npy"
    with whole.whole_path(path) as unfinished:
        array = np.lib.format.open_memmap(
            unfinished, "w+", dtype=np.float32, shape=(2, 3)
        )
        array[:] = 7
        array.flush()
    np.testing.assert_array_equal(np.load(path), np.full([2, 3], 7))


def test_a_disk_without_locks(tmp_path, monkeypatch):
    def no_lock(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(whole.fcntl, "flock", no_lock)
    (tmp_path / ".writing-0123-p.csv").write_text("half")
    whole.write_whole(tmp_path / "p.csv", "all")
    assert sorted(os.listdir(tmp_path)) == [".writing-0123-p.csv", "p.csv"]


def test_folders(tmp_path):
    """A killed one goes, one in use stays, the one before is replaced."""
    path = tmp_path / "tiles"
    path.mkdir()
    (path / "of the page before").touch()
    (tmp_path / ".writing-0123-tiles").mkdir()
    (tmp_path / ".writing-0123-tiles" / "half").touch()
    with whole.scratch_folder(path) as aside:
        assert len(os.listdir(tmp_path)) == 2
        with whole.scratch_folder(path):
            assert os.path.isdir(aside)
        whole.write_whole(os.path.join(aside, "0.js"), "all")
        whole.finish_any(aside, path)
    assert os.listdir(tmp_path) == ["tiles"]
    assert os.listdir(path) == ["0.js"]
    with pytest.raises(KeyError), whole.scratch_folder(path) as aside:
        whole.write_whole(os.path.join(aside, "1.js"), "all")
        raise KeyError
    assert os.listdir(path) == ["0.js"] and len(os.listdir(tmp_path)) == 1


def test_a_file_in_a_folders_place_and_back(tmp_path):
    path = tmp_path / "net"
    for _ in range(2):
        with whole.scratch_folder(path) as aside:
            (tmp_path / aside / "a").touch()
            whole.finish_any(aside, path)
        assert path.is_dir()
        with whole.scratch_folder(path) as aside:
            whole.write_whole(os.path.join(aside, "a"), "text")
            whole.finish_any(os.path.join(aside, "a"), path)
        assert path.read_text() == "text"
    whole.remove_any(path)
    whole.remove_any(path)
    assert os.listdir(tmp_path) == []


def test_nothing_else_writes_aside_and_renames():
    root = pathlib.Path(__file__).parent.parent
    renames = re.compile(r"\bos\.(replace|rename)\(")
    found = [
        path.relative_to(root).as_posix()
        for place in ("simclr", "benchmarks", "configs")
        for path in (root / place).rglob("*.py")
        if renames.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["simclr/storage/whole.py"]


def test_what_cannot_be_made_is_named_as_it_was_asked_for(tmp_path):
    path = str(tmp_path / "nowhere" / "a.csv")
    for make in (whole.whole_path, whole.scratch_folder):
        with pytest.raises(OSError) as caught, make(path):
            pass
        assert caught.value.filename == path
