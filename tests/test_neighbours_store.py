"""simclr neighbours: of an image of the store, and of others."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import simclr
from simclr import __main__ as cli
from simclr.explore import looking_up
from simclr.explore.neighbours import nearest
from simclr.explore.store import store
from simclr.messages.errors import InputError
from tests import made_store


@pytest.fixture
def begun(tmp_path):
    vectors, _ = made_store.mixture(600, 5, 16)
    return made_store.begin(tmp_path / "store", vectors), vectors


def literal(vectors, query, count, without=()):
    """Rows by their cosine, one at a time."""
    rows = vectors.astype("d")
    rows = [row / np.linalg.norm(row) for row in rows]
    query = query.astype("d") / np.linalg.norm(query.astype("d"))
    values = [
        (-float(row @ query), i)
        for i, row in enumerate(rows)
        if i not in without
    ]
    return [i for _, i in sorted(values)[:count]]


def test_of_an_image_of_the_store(begun, capsys):
    found, vectors = begun
    gone = pa.table({"id": ["/s/00003"], "gone": ["2026-01-02"]})
    found.merge(gone)
    line = ["neighbours", found.path, "/s/00007", "--count=12"]
    assert cli.main(line) == 0
    assert "599 rows: every one was looked at" in capsys.readouterr().out
    rows = pyarrow.csv.read_csv(f"{found.path}/neighbours/neighbours.csv")
    expected = literal(vectors, vectors[7], 12, without=(3, 7))
    assert rows["id"].to_pylist() == [f"/s/{i:05d}" for i in expected]
    assert rows["rank"].to_pylist() == list(range(1, 13))
    with open(f"{found.path}/neighbours/neighbours.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_of_vectors(begun):
    found, vectors = begun
    queries = np.random.default_rng(1).normal(size=[3, 16])
    table = looking_up.look_up(found, ["a", "b", "c"], queries, count=4).table
    for i, name in enumerate("abc"):
        rows = [r["id"] for r in table.to_pylist() if r["query"] == name]
        expected = literal(vectors, queries[i], 4)
        assert rows == [f"/s/{j:05d}" for j in expected]


def test_by_an_index(begun, monkeypatch):
    """Above so many images; its recall is measured."""
    found, vectors = begun
    monkeypatch.setattr(nearest, "MOST_EXACT", 500)
    defaults = list(nearest.search.__kwdefaults__.items())
    monkeypatch.setitem(nearest.search.__kwdefaults__, "most_exact", 500)
    assert ("most_exact", 1_000_000) in defaults
    table = simclr.neighbours(found.path, "/s/00007", count=5, quiet=True)
    expected = literal(vectors, vectors[7], 5, without=(7,))
    hits = {f"/s/{i:05d}" for i in expected} & set(table["id"].to_pylist())
    assert len(hits) >= 4
    found.refresh()
    own, rows = looking_up.vectors_of(found, ["/s/00007"])
    looked = looking_up.look_up(found, ["q"], own, count=5, own=rows)
    assert "index" in looked.why
    more = made_store.rows_of(vectors[:20], found.current, first=600)
    found.append(more.to_batches())
    with store.held(found.path):
        assert looking_up.make_index(found) > 0.9
        assert looking_up.make_index(found) is None, "no image is new"


def test_an_end_of_several_ids_is_none(begun, monkeypatch):
    found, _ = begun
    several = pa.table({"id": ["/a/1.jpg", "/b/1.jpg"]})
    monkeypatch.setattr(found, "read", lambda names, where: several)
    assert found.named("1.jpg") == ""
    monkeypatch.setattr(found, "read", lambda names, where: several[:1])
    assert found.named("1.jpg") == "/a/1.jpg"
    assert found.named("1.jpg", by_end=False) == ""


def test_the_end_of_an_id_is_enough(begun):
    found, _ = begun
    assert found.named("/s/00007") == found.named("00007") == "/s/00007"
    # A part of a name is none, and the end of all ids is no one's.
    assert found.named("0007") == found.named("") == ""
    short = simclr.neighbours(found.path, "00007", count=3, quiet=True)
    full = simclr.neighbours(found.path, "/s/00007", count=3, quiet=True)
    assert short.equals(full)


def test_what_is_refused(begun, tmp_path):
    found, _ = begun
    with pytest.raises(InputError, match=r"whose ids are such as /s/\d+\."):
        simclr.neighbours(found.path, "nobody.jpg", quiet=True)
    with pytest.raises(InputError, match="is no run folder"):
        simclr.neighbours(
            found.path, str(tmp_path), run=str(tmp_path), quiet=True
        )
    with pytest.raises(InputError, match="must be >= 1"):
        simclr.neighbours(found.path, "/s/00007", count=0, quiet=True)
    with pytest.raises(InputError, match="has no image x"):
        looking_up.vectors_of(found, ["x"])
