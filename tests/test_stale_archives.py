"""What is kept of an archive is not taken for another's in its place."""

import io
import os
import tarfile
import zipfile

import pytest
from PIL import Image

from simclr.data.sources.registry import open_source


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data)


def write_tar(path, members):
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize(
    "kind, write", [("zip", write_zip), ("tar", write_tar)]
)
def test_an_archive_of_the_same_time_and_size(
    kind, write, replaced, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    image = image.getvalue()
    path = str(tmp_path / f"x.{kind}")
    other = bytes(len(image))
    for name, one, two in (("one", image, other), ("two", other, image)):
        written = path + ".new" if replaced else path
        # Which is an image is not in their names: the look is kept.
        write(written, {"one": one, "two": two})
        os.utime(written, (1.6e9, 1.6e9))
        os.replace(written, path)
        for _ in range(2):
            source = open_source(f"{kind}:{path}")
            assert [source.id(i) for i in range(len(source))] == [name]
