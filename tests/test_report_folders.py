"""Folders that no report goes into: a store's tables, runs, photos."""

import os

import pytest

import simclr
from simclr import __main__ as cli
from tests import made_store, tiny


@pytest.fixture
def begun(tmp_path):
    """A store of the folder /.../photos, beside a run."""
    source = tmp_path / "photos"
    (source / "cats").mkdir(parents=True)
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    vectors, _ = made_store.mixture(100, 3, 16)
    own = made_store.encoder(16)
    rows = made_store.rows_of(vectors, own, source=str(source))
    path = str(tmp_path / "store")
    with made_store.store.held(path):
        made_store.store.begin(path, own, rows.to_batches())
    simclr.cluster(path, k=3, quiet=True)
    return path


def lines(path, photo):
    return [
        ["cluster", path, "--k=3"],
        ["select", path, "--n=3"],
        ["select", path, "--balance=3"],
        ["page", path],
        ["dedup", path, "--threshold=0.9"],
        ["neighbours", path, photo],
    ]


def every_file(folder):
    return sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name != "lock"
    )


@pytest.mark.parametrize(
    ("out", "what"),
    [
        ("store/images.lance", "is a table of a store"),
        ("store/clusters.lance/data/new", "is a table of a store"),
        ("run", "is a run folder"),
        ("photos", "lies among the photos of the store"),
        ("photos/cats", "lies among the photos of the store"),
        ("photos/new", "lies among the photos of the store"),
        ("link", "lies among the photos of the store"),
    ],
)
def test_no_report_goes_there(begun, tmp_path, capsys, out, what):
    before = every_file(tmp_path)
    for line in lines(begun, f"{tmp_path}/photos/00003"):
        assert cli.main([*line, f"--out={tmp_path}/{out}"]) == 2, line
        said = capsys.readouterr().err.strip()
        assert said.startswith(f"simclr: --out={tmp_path}/{out}"), line
        assert what in said and "\n" not in said, line
    assert every_file(tmp_path) == before


def test_it_goes_anywhere_else(begun, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in ("new", "run/report", "store/mine", "photos2", "."):
        line = ["select", begun, "--n=3", f"--out={out}"]
        assert cli.main(line) == 0, out


def test_no_day_goes_among_its_own_photos(begun, tmp_path, capsys):
    """They are not in the store yet."""
    new = tiny.write_photos(tmp_path / "new", count=2)
    line = ["day", begun, str(new), f"--out={new}/report"]
    assert cli.main(line) == 2
    assert "lies among the photos of the store" in capsys.readouterr().err


def test_a_store_among_its_photos_has_its_reports(tmp_path):
    vectors, _ = made_store.mixture(100, 3, 16)
    own = made_store.encoder(16)
    path = str(tmp_path / "store")
    rows = made_store.rows_of(vectors, own, source=str(tmp_path))
    with made_store.store.held(path):
        made_store.store.begin(path, own, rows.to_batches())
    assert cli.main(["cluster", path, "--k=3"]) == 0
    assert cli.main(["cluster", path, "--k=3", f"--out={path}/more"]) == 0


def test_no_store_and_no_file_goes_into_a_table(begun, tmp_path, capsys):
    table = f"{begun}/images.lance"
    for line in (
        ["embed", "run", "photos", f"--out={table}/new"],
        ["embeddings", "export", begun, f"--out={table}/data/new.parquet"],
    ):
        assert cli.main(line) == 2
        assert "is a table of a store" in capsys.readouterr().err
    assert not os.path.exists(f"{table}/new")
