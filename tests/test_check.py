import csv

import numpy as np
import pytest
from PIL import Image

from simclr.commands.tools import check as command
from simclr.data.images.check import check, read_all, write_csv
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from tests import images, tiny
from tests.images import ListSource, encoded

ITEMS = [
    encoded(0),
    b"",
    encoded(2, size=(30, 20), file_format="JPEG"),
    encoded(3)[:-60],
    OSError(13, "Permission denied"),
    encoded(5, size=(3, 3)),
]


def test_bad_images_with_reasons(tmp_path, capsys):
    out = tmp_path / "bad.csv"
    source = ListSource(ITEMS, labels=[0, 1, 1, 0, -1, 0])
    source.notes.append("something to know")
    bad = check(source, out=str(out), progress=False)
    assert bad == [
        ("item/1", "empty file"),
        ("item/3", "truncated"),
        ("item/4", "Permission denied"),
        ("item/5", "too small: 3 x 3 pixels"),
    ]
    with open(out, newline="") as file:
        assert list(csv.reader(file)) == [["id", "reason"], *map(list, bad)]
    printed = capsys.readouterr().out
    for line in (
        "a list: 6 images, 2 readable",
        "1 PNG RGB, 1 JPEG RGB",
        "short side  10 to 20 pixels",
        "labels  5 images in 2 classes",
        "note  something to know",
        "4 bad: ",
        "item/4: Permission denied",
    ):
        assert line in printed


def test_nothing_bad(capsys):
    assert check(ListSource([encoded(0)]), progress=False) == []
    assert "1 image, 1 readable" in capsys.readouterr().out


def test_all_bad(capsys):
    assert len(check(ListSource([b""] * 50), progress=False)) == 50
    printed = capsys.readouterr().out
    assert "50 bad: 50 empty file" in printed
    assert "and 30 more (--out lists all)" in printed


@pytest.mark.parametrize("first", [0, 7, 100])
def test_images_come_in_order(first):
    source = ListSource([encoded(i) for i in range(100)])
    images = list(read_all(source, first=first, progress=False))
    assert [image.index for image in images] == list(range(first, 100))
    assert all(image.data == encoded(image.index) for image in images)


def test_a_list_is_whole_or_not_there(tmp_path):
    def bad():
        yield "a", "truncated"
        raise KeyboardInterrupt

    write_csv(tmp_path / "bad.csv", [("b", "damaged")])
    with pytest.raises(KeyboardInterrupt):
        write_csv(tmp_path / "bad.csv", bad())
    with open(tmp_path / "bad.csv", newline="") as file:
        assert list(csv.reader(file)) == [["id", "reason"], ["b", "damaged"]]


def colours(path):
    """Share of a picture's pixels that are not gray."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return (np.ptp(pixels, axis=-1) > 12).mean()


def test_a_name_with_an_end_of_line_stays_in_its_line(tmp_path, capsys):
    for name in ("a\nb", "c"):
        images.write(tmp_path / name / "x.png")
        (tmp_path / name / "bad.png").write_bytes(b"no image")
    check(open_source(str(tmp_path)))
    lines = capsys.readouterr().out.splitlines()
    assert any(r"a\nb/bad.png: " in line for line in lines)
    assert not any(line.startswith("b") for line in lines)


def test_a_reason_is_no_python_literal(tmp_path, capsys):
    """Pillow says of a PPM: ValueError(b"Token too long ...")."""
    (tmp_path / "x.ppm").write_bytes(b"P6 " + b"1" * 40 + b" 1 255 ")
    images.write(tmp_path / "y.png")
    [(_, reason)] = check(open_source(str(tmp_path)))
    assert reason.startswith("damaged: Token too long")


def test_views_are_drawn(tmp_path):
    """With what pretrain would choose, with settings, and with a bad image."""
    photos = tiny.write_photos(tmp_path / "photos", count=20)
    sheet = tmp_path / "views.png"
    assert command.check(str(photos), views=str(sheet), quiet=True) == []
    chosen = colours(sheet)
    gray = [f"augment.view{i}=crop, gray(prob=1)" for i in (1, 2)]
    command.check(str(photos), views=str(sheet), set=gray, quiet=True)
    assert colours(sheet) < 0.01 < 0.2 < chosen
    (photos / "cat" / "bad.png").write_bytes(b"not a PNG")
    count = len(list(photos.rglob("*.png")))
    found = []
    for seed in range(count):  # Until it is among the few that are drawn.
        found = command.check(
            str(photos), views=str(sheet), set=[f"seed={seed}"], quiet=True
        )
        if found:
            break
    assert [name for name, _ in found] == ["cat/bad.png"]


def test_views_refuse_what_they_do_not_do(tmp_path):
    photos = str(tiny.write_photos(tmp_path / "photos", count=20))
    with pytest.raises(InputError, match="leave out --out"):
        command.check(photos, views="v.png", out="bad.csv", quiet=True)
    with pytest.raises(InputError, match="are for --views"):
        command.check(photos, set=["seed=1"], quiet=True)
    with pytest.raises(InputError, match="posterise"):
        command.check(
            photos, views="v.png", set=["augment.view1=posterise"], quiet=True
        )
