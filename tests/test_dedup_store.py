"""simclr dedup: groups, a report, a list to train on; nothing deleted."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import simclr
from simclr import __main__ as cli
from simclr.data.sources import kept
from simclr.explore import deduplication, known_images
from simclr.explore.store import absorb, store
from simclr.messages.errors import InputError
from tests import made_store

DIMS = 32


@pytest.fixture
def vectors():
    """Three hundred images; the last thirty are copies of the first."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=[300, DIMS])
    rows[270:] = rows[:30] + 0.03 * rng.normal(size=[30, DIMS])
    return rows.astype(np.float16)


@pytest.fixture
def begun(vectors, tmp_path):
    return made_store.begin(tmp_path / "store", vectors)


def test_groups(begun, capsys):
    assert cli.main(["dedup", begun.path, "--threshold=0.6"]) == 0
    assert "30 duplicates of 300 images" in capsys.readouterr().out
    begun.refresh()
    rows = begun.read(["id", "duplicate", "width", "sharpness"]).to_pylist()
    worth = {r["id"]: (r["width"], r["sharpness"]) for r in rows}
    said = {r["id"]: r["duplicate"] for r in rows if r["duplicate"]}
    assert len(said) == 30
    for name, stands in said.items():
        one, other = int(name[-5:]), int(stands[-5:])
        assert abs(one - other) == 270
        assert worth[stands] >= worth[name], "the better one stays"
    groups = pyarrow.csv.read_csv(f"{begun.path}/dedup/groups.csv")
    assert len(groups) == 60 and sum(groups["kept"].to_pylist()) == 30
    for name in ("doubtful.png", "groups.png"):
        with open(f"{begun.path}/dedup/{name}", "rb") as file:
            assert file.read(4) == b"\x89PNG"
    names = kept._names(f"{begun.path}/dedup/keep.csv")
    assert set(names) == set(worth) - set(said)
    assert begun.count() == 300


def test_threshold_by_made_duplicates(begun, vectors):
    rng = np.random.default_rng(1)
    index = np.arange(100, 200)
    made = vectors[index] + 0.03 * rng.normal(size=[100, DIMS])
    found = deduplication.dedup(begun, made=(index, made.astype("f")))
    assert found.duplicates == 30 and found.calibration.precision >= 0.99
    assert found.calibration.recall > 0.95
    assert 0 < found.threshold < 1


def test_between_two_stores(begun, vectors, tmp_path, capsys):
    """Test images that leaked into training."""
    rng = np.random.default_rng(2)
    test = rng.normal(size=[100, DIMS])
    test[:7] = vectors[50:57] + 0.02 * rng.normal(size=[7, DIMS])
    other = made_store.begin(tmp_path / "test", test.astype(np.float16))
    line = ["dedup", other.path, f"--against={begun.path}", "--threshold=0.6"]
    assert cli.main(line) == 0
    assert "7 of 100 images are in" in capsys.readouterr().out
    rows = pyarrow.csv.read_csv(f"{other.path}/dedup/groups.csv").to_pylist()
    pairs = {(int(r["id"][-5:]), int(r["other"][-5:])) for r in rows}
    assert pairs == {(i, i + 50) for i in range(7)}
    other.refresh()
    assert other.read(["duplicate"])["duplicate"].null_count == 100


def test_what_is_refused(begun, vectors, tmp_path):
    another = dataclasses.replace(made_store.encoder(DIMS), fingerprint="x")
    rows = made_store.rows_of(vectors[:50], another)
    stranger = store.begin(str(tmp_path / "other"), another, rows.to_batches())
    with pytest.raises(InputError, match="different encoders"):
        simclr.dedup(
            begun.path, against=stranger.path, threshold=0.6, quiet=True
        )
    with pytest.raises(InputError, match="is no run folder"):
        simclr.dedup(begun.path, run=str(tmp_path), quiet=True)


def test_a_days_duplicates(begun, vectors):
    """Of known images and among themselves, without a look at the old rows."""
    simclr.cluster(begun.path, k=2, quiet=True)
    simclr.dedup(begun.path, threshold=0.6, quiet=True)
    begun.refresh()
    rng = np.random.default_rng(3)
    new = rng.normal(size=[40, DIMS])
    new[:10] = vectors[100:110] + 0.03 * rng.normal(size=[10, DIMS])
    new[10:15] = new[20:25] + 0.03 * rng.normal(size=[5, DIMS])
    # Of a known image that another one stands for.
    twin = begun.read(["id", "duplicate"], where="duplicate is not null")
    leader = twin["duplicate"][0].as_py()
    new[39] = vectors[int(leader[-5:])] + 0.01 * rng.normal(size=DIMS)
    rows = made_store.rows_of(new.astype("e"), begun.current, first=300)
    begun.append(rows.to_batches())
    expected = {f"/s/{300 + i:05d}": f"/s/{100 + i:05d}" for i in range(10)}
    expected["/s/00339"] = leader
    table = simclr.assign(begun.path, quiet=True)
    found = {
        row["id"]: row["duplicate"]
        for row in table.to_pylist()
        if row["duplicate"]
    }
    assert expected.items() <= found.items() and len(found) == 16
    inside = found.keys() - expected.keys()
    assert all(abs(int(i[-5:]) - int(found[i][-5:])) == 10 for i in inside)
    scores = [r["score"] for r in table.to_pylist() if r["duplicate"]]
    assert min(scores) >= 0.6
    begun.refresh()
    kept = begun.read(["duplicate"], where="id >= '/s/00300'")
    assert kept["duplicate"].null_count == 24
    # The next day knows these, too; what a killed day left is not counted.
    index = begun.beside("duplicates_rows")
    assert index.count_rows() == 340
    again = made_store.rows_of(new[30:32], begun.current, first=340)
    begun.append(again.to_batches())
    table = simclr.assign(begun.path, quiet=True).to_pylist()
    assert {r["duplicate"] for r in table} == {"/s/00330", "/s/00331"}
    lost = pa.table(
        {"id": [r["id"] for r in table], "cluster": pa.nulls(2, pa.int32())}
    )
    begun.merge(lost)  # As if the kill came before the last write.
    table = simclr.assign(begun.path, quiet=True).to_pylist()
    assert {r["duplicate"] for r in table} == {"/s/00330", "/s/00331"}
    assert begun.beside("duplicates_rows").count_rows() == 342


def test_what_the_kept_image_stood_for_comes_back(begun, vectors):
    """When it goes or changes; and nothing is a duplicate of itself."""
    simclr.cluster(begun.path, k=2, quiet=True)
    simclr.dedup(begun.path, threshold=0.6, quiet=True)
    begun.refresh()
    twins = begun.read(["id", "duplicate"], where="duplicate is not null")
    (one, other), (first, second) = (
        twins[name].to_pylist()[:2] for name in ("duplicate", "id")
    )
    with store.held(begun.path):
        absorb.mark(begun, [one], "2026-01-02")
        known_images.release(begun, [other])
    again = begun.read(["id", "duplicate"], where="duplicate is not null")
    assert {first, second}.isdisjoint(again["id"].to_pylist())
    assert len(again) == len(twins) - 2
    # A new image is like what is there, not like what went.
    near = vectors[int(first[-5:])].astype("f4") + 0.01
    rows = made_store.rows_of(near[None], begun.current, first=300)
    begun.append(rows.to_batches())
    # Another file of the same picture under the same name.
    none = pa.nulls(1, pa.int32())
    begun.merge(pa.table({"id": [second], "cluster": none}))
    found = simclr.assign(begun.path, quiet=True).to_pylist()
    found = {row["id"]: row["duplicate"] for row in found}
    assert found == {"/s/00300": first, second: other}
    ids = begun.beside("duplicates_rows").to_table(["id"])["id"].to_pylist()
    assert len(ids) == len(set(ids)) == 301


def test_a_kill_before_images_have_their_clusters(begun, vectors, monkeypatch):
    """They are in the index once, and the next day finds them."""
    simclr.cluster(begun.path, k=2, quiet=True)
    simclr.dedup(begun.path, threshold=0.6, quiet=True)
    rng = np.random.default_rng(3)
    new = rng.normal(size=[5, DIMS]).astype("e")
    begun.refresh()
    rows = made_store.rows_of(new, begun.current, first=300)
    begun.append(rows.to_batches())

    def killed(self, columns, where):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.Store, "fill", killed)
        with pytest.raises(KeyboardInterrupt):
            simclr.assign(begun.path, quiet=True)
    assert len(simclr.assign(begun.path, quiet=True)) == 5
    assert begun.beside("duplicates_rows").count_rows() == 305
    begun.refresh()
    rows = made_store.rows_of(new, begun.current, first=400)
    begun.append(rows.to_batches())
    found = simclr.assign(begun.path, quiet=True).to_pylist()
    expected = {f"/s/{400 + i:05d}": f"/s/{300 + i:05d}" for i in range(5)}
    assert {row["id"]: row["duplicate"] for row in found} == expected


def test_an_index_of_another_version_is_one_line(begun):
    simclr.cluster(begun.path, k=2, quiet=True)
    simclr.dedup(begun.path, threshold=0.6, quiet=True)
    begun.put("duplicates_rows", pa.table({"batch": [1], "id": ["x"]}))
    begun.merge(
        pa.table({"id": ["/s/00001"], "cluster": pa.nulls(1, pa.int32())})
    )
    with pytest.raises(InputError, match="Another version of simclr"):
        simclr.assign(begun.path, quiet=True)
