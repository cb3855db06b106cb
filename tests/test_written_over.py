"""What a command does not know is not written over. No TensorFlow."""

import os

import pytest
from absl import flags

import simclr
from simclr.cli.commands import COMMANDS
from simclr.cli.line import parse
from simclr.commands.tools.check import check
from simclr.commands.written_over import NUMPY, PARQUET, PNG, require_ours
from simclr.messages.errors import InputError
from simclr.pictures.page import Page
from simclr.storage.whole import write_whole
from tests import images

OTHERS = {
    "config.json": b'{"epochs": 1}',
    "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(2000),
    "empty.csv": b"",
    "labels.csv": b"id,label\na.jpg,cat\n",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("marks", [PNG, PARQUET, NUMPY, ["id,reason"]])
def test_another_file_stays(name, marks, tmp_path):
    path = tmp_path / name
    path.write_bytes(OTHERS[name])
    with pytest.raises(InputError, match=f"--out=.*{name} exists and is no x"):
        require_ours(str(path), marks, "x")
    assert path.read_bytes() == OTHERS[name]


def test_ours_is_written_over(tmp_path):
    path = str(tmp_path / "x.png")
    require_ours(path, PNG, "picture")  # It is not there yet.
    Page(1, 1).save(path)
    require_ours(path, PNG, "picture")
    path = tmp_path / "bad.csv"
    path.write_text("id,reason\n")
    require_ours(str(path), ["id,reason"], "list")


@pytest.mark.parametrize("name", ["pipe", "folder", "gone"])
def test_what_is_no_file_stays(name, tmp_path):
    path = tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(InputError, match="exists and is no picture"):
        require_ours(str(path), PNG, "picture")


def test_no_rename_takes_the_place_of_a_pipe(tmp_path):
    """As root it would take /dev/null's."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="a named pipe, no regular file"):
        write_whole(str(path), "text")
    assert os.listdir(tmp_path) == ["pipe"]


def test_check_leaves_what_is_not_its_own(tmp_path):
    photos, other = tmp_path / "photos", tmp_path / "config.json"
    photos.mkdir()
    images.write(photos / "a.png")
    other.write_text("{}")
    for flag in ("out", "views"):
        with pytest.raises(InputError, match=f"--{flag}=.* exists and is no"):
            check(photos, quiet=True, **{flag: other})
        assert other.read_text() == "{}"
    for _ in range(2):  # Its own it writes over.
        check(photos, quiet=True, out=tmp_path / "bad.csv")


@pytest.mark.parametrize(
    "line",
    [
        "cluster store --seed=3000000000",
        "page store --port=70000",
        "study local_features --image_size=1000000",
        "pretrain --data=x --replicas=100000",
    ],
)
def test_numbers_have_bounds(line):
    flag = line.rpartition("--")[2].partition("=")[0]
    with pytest.raises(flags.IllegalFlagValueError, match=f"--{flag}="):
        parse(line.split(), COMMANDS)


def test_an_integer_beyond_what_numpy_holds_is_refused():
    with pytest.raises(InputError, match=r"max_images is .*; it must be <="):
        simclr.evaluate("run", max_images=10**30)
