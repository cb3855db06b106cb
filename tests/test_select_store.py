"""simclr select: what to label next, and what to train on."""

import collections
import types

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import simclr
from simclr import __main__ as cli
from simclr.commands.explore import select
from simclr.data.labels.matching import EXACT, Matcher
from simclr.data.sources import kept, registry
from simclr.messages.errors import InputError
from tests import made_store, tiny

PARTS = 5


@pytest.fixture
def begun(tmp_path):
    """Five parts, in five clusters; image 0 stands for image 1."""
    vectors, part = made_store.mixture(400, PARTS, 16)
    found = made_store.begin(tmp_path / "store", vectors)
    simclr.cluster(found.path, k=PARTS, quiet=True)
    found.refresh()
    twin = pa.table({"id": ["/s/00001"], "duplicate": ["/s/00000"]})
    found.merge(twin)
    return found, part


def parts_of(table, part):
    return [int(part[int(name[-5:])]) for name in table["id"].to_pylist()]


def test_without_labels_typical_images(begun, capsys):
    found, part = begun
    assert cli.main(["select", found.path, "-n", str(PARTS)]) == 0
    said = capsys.readouterr()
    assert "Rule      typical of clusters: 0 labels in 5 clusters" in said.out
    labels = f"{found.path}/labels/labels.csv"
    assert f"fill in the column label of {labels}" in said.out
    assert said.err.endswith(
        f"simclr finetune --init={found.current.run} --labels={labels}\n"
    )
    table = pyarrow.csv.read_csv(f"{found.path}/labels/labels.csv")
    assert sorted(parts_of(table, part)) == list(range(PARTS))
    assert table["label"].to_pylist() == [None] * PARTS
    with open(f"{found.path}/labels/labels.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_labels_count(begun, tmp_path):
    """Of a file and of the store; with many of them, margins."""
    found, part = begun
    one = pa.table({"id": ["/s/00010"], "label": ["x"]})
    found.merge(one)
    rows = [f"/s/{i:05d},{part[i]}" for i in range(20, 24)]
    rows += [f"{i:05d},{part[i]}" for i in range(24, 60)]  # Without the root.
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["id,label", *rows]))
    table = simclr.select(found.path, n=30, labels=str(path), quiet=True)
    chosen = {int(name[-5:]) for name in table["id"].to_pylist()}
    assert len(chosen) == 30
    assert not chosen & {1, 10, *range(20, 60)}
    few = simclr.select(found.path, n=30, quiet=True)
    assert set(few["id"].to_pylist()) != set(table["id"].to_pylist())


def test_the_rule_is_said(begun, tmp_path, capsys):
    found, part = begun
    rows = [f"/s/{i:05d},{part[i]}" for i in range(2, 40)]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["id,label", *rows]))
    line = ["select", found.path, "-n", "10", f"--labels={path}"]
    assert cli.main(line) == 0
    assert "margin within clusters: 38 labels" in capsys.readouterr().out


def test_a_balance_to_train_on(begun):
    found, part = begun
    table = simclr.select(found.path, balance=20, quiet=True)
    counts = collections.Counter(parts_of(table, part))
    assert counts == dict.fromkeys(range(PARTS), 20)
    names = kept._names(f"{found.path}/labels/keep.csv")
    assert names == table["id"].to_pylist()
    every = simclr.select(found.path, balance=400, quiet=True)
    assert len(every) == 399  # Without the duplicate.


def test_its_labels_are_read_for_training(tmp_path):
    """By the store's ids."""
    photos = tiny.write_photos(tmp_path / "photos", count=6)
    plain = registry.open_source(str(photos))
    ids = [plain.id(i) for i in range(6)]
    path = tmp_path / "labels.csv"
    path.write_text(f"id,label,cluster\n{photos}/{ids[2]},x,0\n{ids[3]},y,1\n")
    found = registry.open_source(str(photos), labels=str(path))
    np.testing.assert_array_equal(found.labels, [-1, -1, 0, 1, -1, -1])


def test_what_is_refused(begun, tmp_path):
    found, _ = begun
    with pytest.raises(InputError, match="500 images cannot be chosen"):
        simclr.select(found.path, n=500, quiet=True)
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nnobody,x\n")
    with pytest.raises(InputError, match="1 of 1 ids are not in"):
        simclr.select(found.path, n=5, labels=str(path), quiet=True)
    vectors, _ = made_store.mixture(50, 2, 16)
    other = made_store.begin(tmp_path / "other", vectors)
    with pytest.raises(InputError, match="has no clusters"):
        simclr.select(other.path, quiet=True)


def test_labels_are_read_as_training_reads_them(begun, tmp_path):
    found, _ = begun
    ids = found.read(["id"])["id"].to_pylist()
    path = tmp_path / "labels.csv"
    rows = [f"{ids[0]},x", f"{ids[1]},nan", f"{ids[2].rpartition('/')[2]},y"]
    path.write_text("\n".join(["id,label", *rows, f"{ids[3]},"]))
    assert select._read(found, str(path)) == {ids[0]: "x", ids[2]: "y"}
    path.write_text(f"id,label\n{ids[0]},x\n{ids[0]},y\n")
    with pytest.raises(InputError, match="have two different labels"):
        simclr.select(found.path, n=5, labels=str(path), quiet=True)


def test_an_id_is_first_one_of_the_source():
    store = types.SimpleNamespace(path="store")
    rows = [("/s/1.jpg", "/s"), ("/s/a/1.jpg", "/s")]
    columns = zip(*rows, strict=True)
    store.read = lambda names: pa.table(dict(zip(names, columns, strict=True)))
    images = select._Images(store)
    matcher = Matcher(images, images.root)
    for name, index in (("1.jpg", 0), ("a/1.jpg", 1), ("/s/1.jpg", 0)):
        assert matcher.find(name) == (index, EXACT)
