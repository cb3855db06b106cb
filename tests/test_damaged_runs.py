"""JSON files of a run that somebody else wrote: one line, which names them."""

import json
import os

import numpy as np
import pytest

from simclr import config as config_lib
from simclr.commands.study import given
from simclr.messages.errors import InputError
from simclr.runs import checkpoint, classes, weight_arrays
from simclr.runs import folder as run_folder
from simclr.studies import grid

CONFIG = config_lib.settled(config_lib.Config(task="finetune"))
FACTS = {
    "format": 3,
    "data": {"images": 1, "fingerprint": "0"},
    "classes": ["a", "b"],
    "replicas": 1,
    "origins": {},
    "notes": [],
}
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def run(tmp_path):
    path = str(tmp_path / "run")
    with run_folder.open_run(path, CONFIG, FACTS):
        arrays = {"classifier/kernel": np.zeros([3, 2])}
        checkpoint.save(run_folder.checkpoints(path), 1, arrays)
    return path


def readers(run):
    """Whatever reads the files."""

    def resume():
        with run_folder.open_run(run, CONFIG, FACTS):
            pass

    return [
        resume,
        lambda: run_folder.read_config(run),
        lambda: run_folder.read_facts(run),
        lambda: classes.describe(run),
        lambda: weight_arrays.read_weights(run, ["a", "b"]),
        lambda: run_folder.changed_origins(run, CONFIG),
    ]


def complaints(run, name, content):
    """What the readers say of a file with this content."""
    with open(f"{run}/{name}", "wb") as file:
        file.write(content)
    said = []
    for read in readers(run):
        try:
            read()
        except InputError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"3", b"null", b'"x"', b"\xff\xfe", BOM),
        *(b'{"model": 3}', b'{"model": []}', b'{"model": null}'),
        *(b'{"epochs": "x"}', b'{"augment": {"crop_area": 3}}'),
    ],
)
def test_a_config_that_is_none(run, content):
    said = complaints(run, "config.json", content)
    assert said and all("config.json" in line for line in said)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", BOM])
def test_facts_that_are_none(run, content):
    said = complaints(run, "run.json", content)
    assert said and all("run.json" in line for line in said)


@pytest.mark.parametrize("bad", [3, None, "x", [], {}, [3], {"images": 1}])
@pytest.mark.parametrize("name", FACTS)
def test_facts_of_another_type(run, name, bad):
    content = json.dumps({**FACTS, name: bad}).encode()
    said = complaints(run, "run.json", content)
    assert all("run.json" in line for line in said)
    if type(bad) is not type(FACTS[name]):
        assert any(name in line for line in said)


@pytest.mark.parametrize("name", FACTS)
def test_facts_that_are_missing(run, name):
    content = {key: value for key, value in FACTS.items() if key != name}
    complaints(run, "run.json", json.dumps(content).encode())


@pytest.mark.parametrize("name", ["config.json", "run.json"])
def test_a_byte_order_mark_is_borne(run, name):
    with open(f"{run}/{name}", "rb") as file:
        content = file.read()
    assert complaints(run, name, BOM + content) == []


def test_a_run_whose_folder_went_is_not_gone_on_with(run):
    run_folder.require_still_there(run)
    os.rename(run, f"{run}_moved")
    with pytest.raises(InputError, match="was moved or deleted"):
        run_folder.require_still_there(run)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"rows": 1}', '{"rows": [1]}', "\ufeff[", "\0"],
)
def test_a_damaged_table_of_a_study_is_as_none(tmp_path, content):
    path = tmp_path / f"{given.TABLE}.json"
    path.write_text(content, encoding="utf-8")
    assert grid._minutes_before(str(path)) == {}
    assert given.done_before(str(tmp_path)) == ([], 0)
