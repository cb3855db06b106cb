import csv

import pytest

from simclr.data.images.check import check, read_all, write_csv
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
