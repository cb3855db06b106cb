"""Stores whose files are damaged: one line, which names the store."""

import errno
import glob
import os
import resource
import shutil

import numpy as np
import pyarrow as pa
import pytest

import simclr
from simclr import __main__ as cli
from simclr.explore.store import store, tables
from simclr.messages.errors import InputError, in_one_line, is_bad_input
from tests import made_store
from tests.test_full_disk import most_bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with every table beside its images."""
    path = str(tmp_path_factory.mktemp("whole") / "store")
    vectors, _ = made_store.mixture(120, 3, 16)
    made_store.begin(path, vectors)
    simclr.cluster(path, k=3, quiet=True)
    simclr.dedup(path, threshold=0.9, quiet=True)
    simclr.page(path, quiet=True)
    return path


@pytest.fixture
def copy(whole, tmp_path):
    path = str(tmp_path / "store")
    shutil.copytree(whole, path)
    shutil.rmtree(f"{path}/labels", ignore_errors=True)
    return path


def files_of(path, table, part="data"):
    return sorted(glob.glob(f"{path}/{table}.lance/{part}/*"))


def cut(path, table):
    for file in files_of(path, table):
        os.truncate(file, 200)


def flip(path, table):
    """Every byte of what tells where values lie: the end of each file."""
    for file in files_of(path, table):
        with open(file, "rb+") as opened:
            opened.seek(-min(300, os.path.getsize(file)), os.SEEK_END)
            end = opened.read()
            opened.seek(-len(end), os.SEEK_CUR)
            opened.write(bytes(255 - byte for byte in end))


def remove(path, table):
    shutil.rmtree(f"{path}/{table}.lance/data")


def empty_versions(path, table):
    for file in files_of(path, table, "_versions"):
        os.truncate(file, 0)


def overwrite_versions(path, table):
    for file in files_of(path, table, "_versions"):
        with open(file, "rb+") as opened:
            opened.write(b"\xff" * (os.path.getsize(file) - 16))


# dedup writes its tables anew, and reads no row of them.
CASES = [
    *[(cut, t) for t in ("images", "clusters", "map")],
    *[(flip, t) for t in ("images", "clusters", "map")],
    *[(remove, t) for t in ("images", "clusters", "map")],
    *[(empty_versions, t) for t in ("images", "clusters", "map")],
    *[(overwrite_versions, t) for t in ("images", "clusters", "map")],
    *[(empty_versions, t) for t in ("duplicates", "duplicates_rows")],
    *[(overwrite_versions, t) for t in ("duplicates", "duplicates_rows")],
]


def lines(path, tmp_path):
    """Commands that read each table."""
    return {
        "images": [
            ("cluster", path, "--k=3"),
            ("select", path, "-n", "3"),
            ("page", path),
            ("dedup", path, "--threshold=0.9"),
            ("assign", path),
            ("neighbours", path, "/s/00003"),
            ("embeddings", "export", path, f"--out={tmp_path}/e.parquet"),
            ("embed", "run", "photos", f"--out={path}", "--gone"),
        ],
        "clusters": [
            ("select", path, "-n", "3"),
            ("page", path),
            ("cluster", path, "--k=3"),
            ("assign", path),
        ],
        "map": [("page", path)],
        "duplicates": [("dedup", path, "--threshold=0.9")],
        "duplicates_rows": [("dedup", path, "--threshold=0.9")],
    }


@pytest.mark.parametrize(("damage", "table"), CASES)
def test_one_line_names_what_is_damaged(copy, tmp_path, capfd, damage, table):
    damage(copy, table)
    for line in lines(copy, tmp_path)[table]:
        assert cli.main(list(line)) == 2, line
        said = capfd.readouterr().err.strip().splitlines()
        said = [one for one in said if one.startswith("simclr: ")]
        assert len(said) == 1, (line, said)
        assert copy in said[0] and " is damaged: " in said[0], line
        assert ".rs:" not in said[0] and "LanceError" not in said[0], line
        assert "simclr " in said[0].partition(" is damaged: ")[2], line


def test_clusters_that_are_damaged_are_not_fitted_over(copy):
    """Their names would be lost."""
    before = {
        name: os.path.getmtime(name) for name in files_of(copy, "clusters")
    }
    empty_versions(copy, "clusters")
    with pytest.raises(InputError, match=r"clusters\.lance is damaged"):
        simclr.cluster(copy, k=3, quiet=True)
    for name, time in before.items():
        assert os.path.getmtime(name) == time


def test_a_new_day_does_not_hide_a_damaged_index(copy, tmp_path):
    more, _ = made_store.mixture(10, 3, 16, of=1)
    opened = store.Store(copy)
    opened.append(
        made_store.rows_of(more, opened.current, first=120).to_batches()
    )
    cut(copy, "duplicates_rows")
    with pytest.raises(InputError, match="simclr dedup` again"):
        simclr.assign(copy, quiet=True)


def test_a_full_disk_is_no_damage(copy):
    opened = store.Store(copy)
    rows = made_store.rows_of(
        np.ones([3000, 16]), made_store.encoder(16), first=1000
    )
    with most_bytes(20_000), pytest.raises(OSError) as caught:
        opened.append(rows.to_batches())
    assert caught.value.errno == errno.EFBIG
    assert in_one_line(caught.value) == (
        f"{copy}/images.lance: {os.strerror(errno.EFBIG)}"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000
    assert store.Store(copy).count() == 120


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("LanceError(IO): No space left (os error 28), a/b.rs:1:2", 28),
        ("LanceError(IO): Input/output (os error 5), /a/b.rs:1", 5),
        ("LanceError(IO): Permission denied (os error 13)", 13),
    ],
)
def test_what_the_system_says_stays(text, number):
    with pytest.raises(OSError) as caught, tables.watched("/s/images.lance"):
        raise OSError(text)
    assert caught.value.errno == number
    assert caught.value.filename == "/s/images.lance"
    assert is_bad_input(caught.value) == (number == 13)


@pytest.mark.parametrize(
    "error",
    [
        InputError("ours"),
        OSError(errno.ENOSPC, "No space left", "/a"),
        ValueError("a wrong value"),
        OSError("LanceError(IO): Commit conflict for version 3"),
        RuntimeError("LanceError(IO): Resources exhausted: 100 MB"),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_stay_as_they_are(error):
    with (
        pytest.raises(type(error)) as caught,
        tables.watched("/s/images.lance"),
    ):
        raise error
    assert caught.value is error


def test_lines_of_rust_are_left_out():
    text = (
        "External error: LanceError(IO): Generic LocalFileSystem error: "
        "failed to fill whole buffer, /rustc/48a2/library/ops.rs:250:5\nmore"
    )
    with pytest.raises(InputError) as caught, tables.watched("/s/images.lance"):
        raise pa.ArrowInvalid(text)
    assert str(caught.value).startswith(
        "/s is damaged: failed to fill whole buffer; move it away"
    )


def test_a_bucket_that_does_not_answer_is_no_damage():
    text = "LanceError(IO): Generic GCS error: no route, /a/b.rs:1:2"
    uri = "gs://b/s/images.lance"
    with pytest.raises(InputError) as caught, tables.watched(uri):
        raise OSError(text)
    assert str(caught.value) == f"{uri} cannot be read: no route."


@pytest.mark.parametrize("path", ["/dev/null", "", "nothing"])
def test_what_is_no_store_is_quoted(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["cluster", path]) == 2
    assert f"simclr: {path!r} is no store" in capsys.readouterr().err
