"""Where a folder can be made."""

import os

import pytest

from simclr.messages.errors import InputError
from simclr.storage.place import require_folder


def test_a_folder_and_one_to_make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (
        ".",
        str(tmp_path),
        "new",
        "new/er",
        str(tmp_path / "a" / "b"),
    ):
        require_folder(path, "x")
    assert not list(tmp_path.iterdir())


def test_files_in_the_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for path in ("file", "link"):
        with pytest.raises(InputError, match=r"^x is a file, not a folder\.$"):
            require_folder(path, "x")
    with pytest.raises(InputError, match=r"^x: \S+/file is a file, not a"):
        require_folder("file/new", "x")


def test_what_must_not_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=f"^x: {tmp_path} is not yours to"):
        require_folder(str(tmp_path / "new"), "x")
