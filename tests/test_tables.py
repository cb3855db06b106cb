"""Names of images go into files and come back, whatever is in them."""

import csv
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.commands.train.train_data import write_labels
from simclr.commands.unreadable import list_unreadable
from simclr.config import Data
from simclr.data.images import check
from simclr.data.labels.few import few_labels, to_csv
from simclr.data.labels.read import read_labels
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from simclr.runs.unreadable import UnreadableImages
from simclr.storage import tables
from tests.images import ListSource, write

NAMES = [
    *(" a.png", "a.png", "a.png ", "\u00a0a.png", "b\r.png", "b\n.png"),
    *("b\r\n.png", "c\t.png", '"d".png', '"d.png', 'd",e.png', "f, g.png"),
    *("\\n.png", "'h'.png", "\u2028i.png", "#j.png", "-\xf6.png"),
]


class Named(ListSource):
    """Images of awkward names."""

    def __init__(self, names=NAMES, **options):
        super().__init__([b"no image"] * len(names), **options)
        self._names = names

    def id(self, index):
        return self._names[index]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_cells_come_back_as_they_were(tmp_path, delimiter):
    path = tmp_path / "table"
    rows = [[name, f"why {name}", ""] for name in NAMES]
    text = "".join(tables.line(row, delimiter) for row in rows)
    path.write_bytes(text.encode())
    assert tables.read(path, delimiter) == rows
    with open(path, newline="") as file:  # As those read who skip spaces.
        reader = csv.reader(
            file, delimiter=delimiter, skipinitialspace=True, strict=True
        )
        assert list(reader) == rows
    assert tables.line(["a.png", 0.5, "x y"]) == "a.png,0.5,x y\n"


def test_labels_of_a_folder(tmp_path):
    for i, name in enumerate(["=cat ", "do\rg", "\neel"]):
        for j in range(10):
            write(tmp_path / "photos" / name / f"{j}\r\n .png", 10 * i + j)
    source = open_source(str(tmp_path / "photos"))
    assert source.class_names == ["\neel", "=cat ", "do\rg"]
    rows = few_labels(source, 0.5)
    (tmp_path / "labels.csv").write_bytes(to_csv(source, rows).encode())
    labels, names = read_labels(str(tmp_path / "labels.csv"), source)
    assert names == source.class_names
    np.testing.assert_array_equal(np.flatnonzero(labels >= 0), rows)
    np.testing.assert_array_equal(labels[rows], source.labels[rows])


def test_the_same_few_labels_again(tmp_path):
    """As a run does that goes on: they are not taken for others."""
    for i in range(6):
        write(tmp_path / "photos" / f"{i % 2}" / f" {i}\r.png", i)
    images = Data(source=str(tmp_path / "photos"))
    arguments = (0.5, 0, str(tmp_path / "run"), tf.distribute.get_strategy())
    path = write_labels(images, *arguments)
    assert write_labels(images, *arguments) == path
    with pytest.raises(InputError, match="holds other labels"):
        write_labels(images, 1.0, *arguments[1:])


def test_every_name_has_its_label(tmp_path):
    source = Named(labels=np.arange(len(NAMES)), class_names=NAMES)
    (tmp_path / "labels.csv").write_bytes(
        to_csv(source, np.arange(len(NAMES))).encode()
    )
    labels, names = read_labels(str(tmp_path / "labels.csv"), source)
    np.testing.assert_array_equal(labels, source.labels)
    assert names == NAMES


def test_names_written_without_quotes(tmp_path):
    """Where one image alone can be meant, spaces do not matter."""
    source = Named([" a.png", "b.png", "c/d.png ", "e/e.png", "f/e.png"])
    path = tmp_path / "labels.csv"
    path.write_text('id, label\n a.png, "x"\nb.png , y \n./d.png ,x\n')
    labels, names = read_labels(str(path), source)
    assert names == ["x", "y"]
    np.testing.assert_array_equal(labels, [0, 1, 0, -1, -1])
    path.write_text("id,label\ne.png ,x\n")
    with pytest.raises(InputError, match="name of several images"):
        read_labels(str(path), source)


def test_the_list_of_a_run_stays_as_it_is(tmp_path):
    class Reader:
        source = Named(NAMES * 100)
        bad = {}  # noqa: RUF012

    path = tmp_path / "unreadable_images.tsv"
    bad = {name: f"cannot\tread {name}" for name in NAMES}
    for number in (3, len(NAMES), 0, 2):
        Reader.bad = dict(list(bad.items())[:number])
        listed = UnreadableImages(Reader, str(tmp_path), 1.0)
        listed.check()
    assert dict(tables.read(path, "\t")) == bad
    assert len(tables.read(path, "\t")) == len(bad)
    path.write_bytes(b"\xff\r")  # Damaged: as if there were none.
    UnreadableImages(Reader, str(tmp_path), 1.0).check()
    assert len(tables.read(path, "\t")) == 2


def test_lists_of_commands(tmp_path, capsys):
    bad = {name: f"cannot read {name}" for name in NAMES}
    path = tmp_path / "unreadable.tsv"
    list_unreadable(str(path), bad)
    assert dict(tables.read(path, "\t")) == bad
    assert f"{len(bad)} unreadable images left out, see {path}" in (
        capsys.readouterr().out
    )
    list_unreadable(str(path), {})
    assert not path.exists()
    check.write_csv(str(path), bad.items())
    assert tables.read(path)[0] == ["id", "reason"]
    assert dict(tables.read(path)[1:]) == bad


def test_nothing_else_writes_tables():
    """Whoever writes rows of names asks simclr.storage.tables."""
    for path in pathlib.Path("simclr").rglob("*.py"):
        assert "csv.writer(" not in path.read_text(), path
        assert "\\t{" not in path.read_text(), path
