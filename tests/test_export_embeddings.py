"""simclr embeddings export: what other programs read is what the store has."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import simclr
from simclr import __main__ as cli
from simclr.explore.store import schema, store

ENCODER = schema.Encoder(1, "f", "r", 1, 8, 3)


@pytest.fixture
def begun(tmp_path):
    vectors = np.arange(30, dtype=np.float16).reshape(10, 3)
    rows = schema.images_table(
        {
            "id": [f"/s/{i}" for i in range(10)],
            "source": ["/s"] * 10,
            "thumbnail": [bytes([i]) for i in range(10)],
            "label": ["a", None] * 5,
        }
    )
    flat = pa.array(vectors.reshape(-1))
    rows = rows.append_column(
        "vector", pa.FixedSizeListArray.from_arrays(flat, 3)
    ).append_column("model", pa.array(["f"] * 10))
    path = str(tmp_path / "store")
    with store.held(path):
        begun = store.begin(path, ENCODER, rows.to_batches(max_chunksize=4))
    begun.merge(pa.table({"id": ["/s/3"], "gone": ["2026-01-01"]}))
    return path, np.delete(vectors, 3, 0)


def read(path):
    """A Parquet file as a dict of lists, in the order of the ids."""
    return pa.parquet.read_table(path).sort_by("id").to_pydict()


def test_parquet(begun):
    path, vectors = begun
    (written,) = simclr.export_embeddings(path, quiet=True)
    found = read(written)
    np.testing.assert_array_equal(found["vector"], vectors)
    assert found["id"][3] == "/s/4" and found["label"][:2] == ["a", None]
    assert found["thumbnail"][0] == b"\0"


def test_atlas(begun, tmp_path, capsys):
    path, vectors = begun
    out = str(tmp_path / "x.parquet")
    line = ["embeddings", "export", path, "--to=atlas", f"--out={out}"]
    assert cli.main(line) == 0
    assert "--vector vector --image image" in capsys.readouterr().out
    found = read(out)
    assert found["image"][0] == {"bytes": b"\0", "path": None}
    np.testing.assert_array_equal(found["vector"], vectors)


def test_numpy(begun):
    path, vectors = begun
    for _ in range(2):  # The second time over its own.
        written, beside = simclr.export_embeddings(path, to="npy", quiet=True)
    found = np.load(written, allow_pickle=False)
    order = np.argsort(pa.csv.read_csv(beside)["id"].to_pylist())
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found[order], vectors)


def test_what_stops_it(begun, tmp_path, capsys):
    assert cli.main(["embeddings", "export", str(tmp_path / "none")]) == 2
    assert "is no store" in capsys.readouterr().err
    out = f"--out={tmp_path}/none/x.npy"
    assert cli.main(["embeddings", "export", begun[0], out]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert cli.main(["embeddings", "export", "--help"]) == 0
    assert "simclr embeddings export STORE" in capsys.readouterr().out
