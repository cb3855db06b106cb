"""A store's table: what is written is read, in order, whatever came between."""

import datetime

import lance
import numpy as np
import pyarrow as pa
import pytest

from simclr.explore.store import absorb, place, schema, store
from simclr.explore.store import changes as changes_lib
from simclr.messages.errors import InputError

DIMS = 6


def encoder(number=1, **facts):
    facts = {"fingerprint": f"f{number}", "run": "r", "step": 1} | facts
    return schema.Encoder(number=number, image_size=8, dims=DIMS, **facts)


def rows(start, stop, encoder, source="/s"):
    """A batch; image i has vector i, i + 1, ..."""
    count = stop - start
    vectors = np.add.outer(np.arange(start, stop), np.arange(DIMS))
    flat = pa.array(vectors.astype(np.float16).reshape(-1))
    return pa.record_batch(
        {
            "id": [f"{source}/{i:03d}" for i in range(start, stop)],
            "source": [source] * count,
            "bytes": [100 + i for i in range(start, stop)],
            "time": [7] * count,
            encoder.column("model"): [encoder.fingerprint] * count,
            encoder.column("vector"): pa.FixedSizeListArray.from_arrays(
                flat, DIMS
            ),
        }
    )


@pytest.fixture
def begun(tmp_path):
    """Forty images, in two versions of the table."""
    path = str(tmp_path / "store")
    with store.held(path):
        found = store.begin(path, encoder(), [rows(0, 30, encoder())])
        found.append([rows(30, 40, encoder())])
    return found


def numbers(found, **options):
    ids = found.read(["id"], **options).column("id").to_pylist()
    return [int(name[-3:]) for name in ids]


def test_what_is_written_is_read(begun):
    assert begun.count() == 40 and numbers(begun) == list(range(40))
    vectors = np.concatenate(list(begun.blocks()))
    assert vectors.dtype == np.float16
    np.testing.assert_array_equal(vectors[:, 2], np.arange(40) + 2)
    again = store.Store(begun.path)
    assert again.encoders == [encoder()] and again.current == encoder()
    assert again.read(["cluster"]).column(0).null_count == 40
    assert len(begun.read(["id"], where="bytes < 0")) == 0


def test_replaced_columns_go_with_their_rows(begun):
    """After rows have moved, gone and been deleted."""
    begun.merge(pa.table({"id": ["/s/003", "/s/004"], "label": ["x", "y"]}))
    begun.table.delete("id = '/s/010'")
    begun.refresh()
    gone = pa.table({"id": ["/s/020"], "gone": ["2026-01-01"]})
    begun.merge(gone)
    order = numbers(begun)
    assert sorted(order) == [i for i in range(40) if i not in (10, 20)]
    assert order != sorted(order)  # Else this proves nothing.
    for shift in (0, 5):
        values = np.array(order, np.int32) + shift
        begun.replace({"cluster": values, "distance": values / 2})
        found = begun.read(["id", "cluster", "distance"]).to_pylist()
        for row in found:
            assert row["cluster"] == int(row["id"][-3:]) + shift
            assert row["distance"] == row["cluster"] / 2
        assert begun.read(["cluster"], where="id = '/s/020'")[0].null_count
    labels = begun.read(["label"], where="label is not null")
    assert sorted(labels.column(0).to_pylist()) == ["x", "y"]


def test_filled_cells_are_one_version_and_move_no_row(begun):
    """After rows have moved and been deleted; other cells stay."""
    begun.merge(pa.table({"id": ["/s/003", "/s/004"], "label": ["x", "y"]}))
    begun.table.delete("id = '/s/035'")
    begun.refresh()
    begun.replace({"cluster": np.zeros(39, np.int32)})
    order, before = numbers(begun), begun.table.version
    where = "bytes >= 125 or label is not null"
    chosen = numbers(begun, where=where)
    assert len(chosen) == 16 and len(begun.table.get_fragments()) == 3
    names = pa.array([f"/s/{i}" if i % 2 else None for i in chosen])
    begun.fill({"cluster": np.array(chosen), "duplicate": names}, where)
    assert begun.table.version == before + 1 and numbers(begun) == order
    columns = ["id", "cluster", "duplicate", "bytes", "label"]
    for row in begun.read(columns).to_pylist():
        i = int(row["id"][-3:])
        assert row["cluster"] == (i if i in chosen else 0)
        odd = i in chosen and i % 2
        assert row["duplicate"] == (f"/s/{i}" if odd else None)
        assert row["bytes"] == 100 + i
    begun.fill({"cluster": np.zeros(0, np.int32)}, "bytes < 0")
    assert begun.table.version == before + 1


def test_a_reader_sees_a_column_in_every_version(begun):
    begun.replace({"cluster": np.zeros(40, np.int32)})
    first = begun.table.version
    begun.replace({"cluster": np.ones(40, np.int32)})
    for version in range(first, begun.table.version + 1):
        table = lance.dataset(begun.table.uri, version=version)
        cluster = set(table.to_table(["cluster"])["cluster"].to_pylist())
        assert cluster in ({0}, {1})
    assert begun.table.schema.names.count("cluster") == 1
    assert not [n for n in begun.table.schema.names if "__" in n]


def test_a_merge_of_more_than_a_piece(begun, monkeypatch):
    monkeypatch.setattr(store, "_MERGED", 7)
    ids = [f"/s/{i:03d}" for i in range(40)]
    begun.merge(pa.table({"id": ids, "label": [str(i) for i in range(40)]}))
    found = begun.read(["id", "label"]).to_pylist()
    assert all(int(row["id"][-3:]) == int(row["label"]) for row in found)


def test_an_encoder_has_columns_of_its_own(begun):
    second = encoder(2)
    begun.add_encoder(second)
    assert begun.current == encoder() and begun.count() == 40
    begun.replace({"cluster": np.arange(40)})
    cells = rows(0, 40, second)
    begun.merge(pa.Table.from_batches([cells]).drop_columns(["source"]))
    begun.turn_to(second)
    assert store.Store(begun.path).current == second
    assert begun.count() == 40
    assert begun.read(["cluster"]).column(0).null_count == 40
    names = begun.table.schema.names
    assert {"vector", "vector_2", "cluster", "cluster_2"} <= set(names)
    old = begun.table.to_table(columns=["cluster"]).column(0)
    assert sorted(old.to_pylist()) == list(range(40))


def test_a_kill_while_columns_take_their_places(begun, monkeypatch):
    begun.replace({"cluster": np.zeros(40, np.int32)})

    def killed(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.Store, "_finish_replacing", killed)
    with pytest.raises(KeyboardInterrupt):
        begun.replace({"cluster": np.ones(40, np.int32)})
    lance.dataset(begun.table.uri).drop_columns(["cluster"])  # Half of it.
    monkeypatch.undo()
    with store.held(begun.path):
        pass
    found = store.Store(begun.path).read(["cluster"]).column(0)
    assert found.to_pylist() == [1] * 40


def test_a_store_from_before_a_column(begun):
    """Whoever writes to it adds the column."""
    begun.table.drop_columns(["changed"])
    with store.held(begun.path):
        found = store.Store(begun.path)
    assert found.count("changed is null") == 40


def test_small_tables_beside_it(begun):
    assert begun.get("clusters") is None
    for names in (["a", "b"], ["c"]):
        begun.put("clusters", pa.table({"name": names}))
        assert begun.get("clusters").to_pydict() == {"name": names}


def test_what_was_written_over_goes_after_a_week(begun, monkeypatch):
    """And not before: somebody may read it."""

    def versions():
        begun.replace({"cluster": np.zeros(40, np.int32)})
        begun.put("clusters", pa.table({"a": [1]}))
        rows = pa.table({"a": [1]})
        begun.stream("cells", rows.schema, rows.to_batches())
        tables = begun.table, begun.beside("clusters"), begun.beside("cells")
        return [len(table.versions()) for table in tables]

    first = versions()
    assert all(a > b for a, b in zip(versions(), first))
    monkeypatch.setattr(place, "_KEPT", datetime.timedelta(0))
    assert versions() == [1, 1, 1]
    assert begun.count() == 40 and begun.get("clusters")["a"].to_pylist() == [1]


def test_one_process_writes(begun):
    with (
        store.held(begun.path),
        pytest.raises(InputError, match="Another process writes"),
        store.held(begun.path),
    ):
        pass


def test_what_is_no_store(tmp_path):
    with pytest.raises(InputError, match="is no store"):
        store.Store(str(tmp_path))
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"something else, 'photo\.jpg'"):
        store.held(str(tmp_path)).__enter__()
    with pytest.raises(InputError, match="is a file"):
        store.held(str(tmp_path / "photo.jpg")).__enter__()
    with pytest.raises(InputError, match=r"photo\.jpg' is no store"):
        store.Store(str(tmp_path / "photo.jpg"))
    other = str(tmp_path / "other")
    lance.write_dataset(pa.table({"a": [1]}), f"{other}/images.lance")
    with pytest.raises(InputError, match="no store that this version reads"):
        store.Store(other)


def compared(begun, names, stamps=None, who=None, root="/s"):
    ids = [f"{root}/{i:03d}" for i in names]
    stamps = stamps or [(100 + i, 7) for i in names]
    return changes_lib.changes(begun, who or encoder(), root, ids, stamps)


def test_what_changed(begun):
    same = compared(begun, range(40))
    assert not len(same.to_embed) and not same.gone and not same.back
    names = [*range(1, 40), 77]
    stamps = [(100 + i, 7) for i in names]
    stamps[4] = (100 + names[4], 8)  # Written anew, of the same size.
    found = compared(begun, names, stamps)
    assert found.new.tolist() == [39] and found.changed.tolist() == [4]
    assert found.gone == ["/s/000"] and found.to_embed.tolist() == [4, 39]
    # Without stamps nothing is known to have changed.
    assert not len(compared(begun, range(40), [(None, None)] * 40).changed)
    other = compared(begun, range(40), root="/it's")
    assert len(other.new) == 40 and not other.gone


def test_what_is_back(begun):
    gone = pa.table({"id": ["/s/005"], "gone": ["2026-01-01"]})
    begun.merge(gone)
    assert compared(begun, range(40)).back == ["/s/005"]
    without = [i for i in range(40) if i != 5]
    assert not compared(begun, without).gone  # It is known already.


def test_what_cannot_be_read_any_more(begun):
    """Is gone, not tried again, and back with another file."""
    ids, known = ["/s/005"], {"/s/005": (3, 9)}

    def seen(stamp):
        return changes_lib.changes(begun, encoder(), "/s", ids, [stamp], known)

    assert seen((3, 9)).gone[0] == "/s/005" and not len(seen((3, 9)).to_embed)
    begun.merge(pa.table({"id": ids, "gone": ["2026-01-01"]}))
    assert "/s/005" not in seen((3, 9)).gone + seen((3, 9)).back
    found = seen((4, 9))
    assert found.back == ids and found.changed.tolist() == [0]
    assert found.without({"/s/005"}, ids).back == []
    assert "/s/005" not in found.without({"/s/005"}, ids).gone


def test_what_another_encoder_has_not_seen(begun):
    found = changes_lib.changes(
        begun, None, "/s", ["/s/000", "/s/099"], [(100, 7), (1, 1)]
    )
    assert found.new.tolist() == [1] and found.missing.tolist() == [0]
    begun.add_encoder(encoder(2))
    found = compared(begun, range(40), who=encoder(2))
    assert len(found.missing) == 40


def test_shards_are_taken_in(begun, tmp_path, monkeypatch):
    """New images and known ones; the ids of a source are read once."""
    read, asked = absorb._rows_of, []
    monkeypatch.setattr(
        absorb, "_rows_of", lambda *a: asked.append(a[1]) or read(*a)
    )
    shards = []
    for index, start in enumerate((35, 45, 55)):
        images = [f"/s/{i:03d}" for i in range(start, start + 10)]
        facts = schema.images_table({"id": images, "source": ["/s"] * 10})
        absorb.write_facts(str(tmp_path), index, facts)
        vectors = np.full([10, DIMS], start, np.float16)
        shards.append((vectors, absorb.facts_path(str(tmp_path), index)))
    run = {"fingerprint": "f1", "run": "r", "step": 1, "image_size": 8}
    with store.held(begun.path):
        found = absorb.absorb(begun.path, shards, run)
    assert asked == ["/s"]
    assert sorted(numbers(found)) == list(range(65))
    first = np.concatenate(list(found.blocks()))[:, 0]
    by_number = dict(zip(numbers(found), first.tolist()))
    assert by_number[34] == 34 and by_number[35] == 35
    assert by_number[44] == 35 and by_number[45] == 45 and by_number[64] == 55


def test_a_changed_image_is_not_what_others_saw(begun, tmp_path):
    """An encoder's vectors of the picture before go; label and day stay."""
    said = {"id": ["/s/001", "/s/002"], "label": ["x", "y"]}
    begun.merge(pa.table(said))
    facts = {
        "id": ["/s/001", "/s/002", "/s/003"],
        "source": ["/s"] * 3,
        "bytes": [101, 999, None],  # The same, another one, not known.
        "time": [7, 7, None],
        "day": ["2026-01-02"] * 3,
    }
    absorb.write_facts(str(tmp_path), 0, schema.images_table(facts))
    shards = [(np.ones([3, DIMS], "e"), absorb.facts_path(str(tmp_path), 0))]
    run = {"fingerprint": "f2", "run": "r", "step": 1, "image_size": 8}
    with store.held(begun.path):
        found = absorb.absorb(begun.path, shards, run)
    assert sorted(numbers(found)) == [i for i in range(40) if i != 2]
    rows = found.table.to_table(filter="model_2 is not null").to_pylist()
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == 3 and by_id["/s/002"]["vector"] is None
    assert by_id["/s/001"]["vector"][0] == 1
    assert [by_id[i]["label"] for i in said["id"]] == ["x", "y"]
    assert [row["day"] for row in rows] == [None] * 3
    changed = {row["id"]: row["changed"] for row in rows if row["changed"]}
    assert changed == {"/s/002": "2026-01-02"}
    back = compared(
        found,
        range(40),
        [(999, 7) if i == 2 else (100 + i, 7) for i in range(40)],
    )
    assert back.missing.tolist() == [2]
