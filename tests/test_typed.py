"""What people typed into a report is there after the next report."""

import csv
import os

import pyarrow.csv
import pytest

import simclr
from simclr import __main__ as cli
from simclr.explore.reports import typed
from simclr.explore.store import store
from simclr.messages.errors import InputError
from tests import made_store


@pytest.fixture
def begun(tmp_path):
    vectors, _ = made_store.mixture(200, 4, 16)
    path = made_store.begin(tmp_path / "store", vectors).path
    simclr.cluster(path, k=4, quiet=True)
    return path


def fill_in(path, column, text, row=1):
    """Types a cell as a person does; gives the file's bytes."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    rows[row][rows[0].index(column)] = text
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return content(path)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def refused(line, path, capsys):
    """The command ends with status 2 and one line, and the file stays."""
    before = content(path)
    capsys.readouterr()
    assert cli.main(line) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"simclr: {path} ") and "\n" not in said
    assert "give another --out, or move it" in said
    assert content(path) == before
    return said


def test_labels_that_were_filled_in_stay(begun, tmp_path, capsys):
    path = f"{begun}/labels/labels.csv"
    line = ["select", begun, "--n=5"]
    for seed in ("--seed=0", "--seed=1"):  # Without a label it is renewed.
        assert cli.main([*line, seed]) == 0
    fill_in(path, "label", "cat", row=3)
    said = refused([*line, "--seed=1"], path, capsys)
    assert "'cat'" in said
    refused([*line, f"--labels={path}"], path, capsys)
    out = f"{tmp_path}/more"
    assert cli.main([*line, f"--labels={path}", f"--out={out}"]) == 0
    first, more = (
        set(pyarrow.csv.read_csv(p)["id"].to_pylist())
        for p in (path, f"{out}/labels.csv")
    )
    assert len(more) == 5 and first != more
    assert cli.main(["select", begun, "--balance=3"]) == 0  # Writes keep.csv.
    os.rename(path, f"{path}.mine")
    assert cli.main(line) == 0


@pytest.mark.parametrize(
    "text",
    [
        "id,label\nmine,cat\n",
        "\ufeffid,label\r\nmine,cat\r\n",
        "label,id\n,a\ncat,b\n",
        "id;label\na;cat\n",  # As some spreadsheets save it.
        "mine,cat\n",
        "notes of mine\n",
        "\x89PNG",
    ],
)
def test_another_file_of_that_name_stays(begun, tmp_path, capsys, text):
    path = tmp_path / "out" / "labels.csv"
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8" if text[0] != "\x89" else "latin1"))
    refused(["select", begun, "--n=5", f"--out={path.parent}"], path, capsys)


@pytest.mark.parametrize("text", ["", "\n", "id,label\n", "id,label\na\nb,\n"])
def test_a_file_without_labels_is_renewed(begun, tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert typed.cells(str(path), "label") == []
    assert cli.main(["select", begun, "--n=5", f"--out={tmp_path}"]) == 0


def test_names_that_were_filled_in_stay(begun, tmp_path, capsys):
    """clusters.csv has what --names takes: a person fills it in."""
    path = f"{begun}/clusters/clusters.csv"
    line = ["cluster", begun, "--k=4"]
    assert cli.main(line) == 0
    fill_in(path, "name", "shoes")
    said = refused(line, path, capsys)
    assert f"say --names={path} first" in said
    other = tmp_path / "names.csv"
    other.write_text("id,name\n0,hats\n")
    refused(["cluster", begun, f"--names={other}"], path, capsys)
    assert cli.main(["cluster", begun, f"--names={path}"]) == 0
    assert "shoes" in simclr.cluster(begun, quiet=True)["name"].to_pylist()
    assert cli.main([*line, "--anew"]) == 0  # The store has it now.
    assert b"shoes" in content(path)
    assert cli.main(["cluster", begun, "--k=3"]) == 0
    assert cli.main(["cluster", begun, "--k=3"]) == 0


def test_names_of_clusters_that_were_moved_away_stay(begun, capsys):
    path = f"{begun}/clusters/clusters.csv"
    fill_in(path, "name", "shoes")
    assert cli.main(["cluster", begun, f"--names={path}"]) == 0
    os.rename(f"{begun}/clusters.lance", f"{begun}/was.lance")
    refused(["cluster", begun, "--k=4"], path, capsys)


def test_labels_of_neighbours_stay(begun, capsys):
    path = f"{begun}/neighbours/neighbours.csv"
    line = ["neighbours", begun, "/s/00003"]
    opened = store.Store(begun)
    name = pyarrow.table({"id": ["/s/00007"], "label": ["of the store"]})
    opened.merge(name)
    assert cli.main([*line, "--count=199"]) == 0
    assert b"of the store" in content(path)
    assert cli.main([*line, "--count=199"]) == 0
    fill_in(path, "label", "cat")
    refused(line, path, capsys)


def test_what_is_no_table_says_so(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("name,class\na,b\n")
    with pytest.raises(InputError, match="no table with columns id and la"):
        typed.require_none(str(path), "label")
