"""The code of the README and of pages in docs/ runs, from top to bottom."""

import contextlib
import dataclasses
import pathlib
import re
import sys
import types

import pytest

import simclr
from simclr.config import suggest as suggestions
from tests import made_store, tiny

DOCS = pathlib.Path(__file__).parent.parent / "docs"


def code(name):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (DOCS / name).read_text(), re.M | re.S
    )
    assert blocks
    return "\n".join(blocks)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with photos and labels, and recipes that end soon."""
    monkeypatch.chdir(tmp_path)
    tiny.write_photos(tmp_path / "photos", count=40)
    tiny.write_photos(tmp_path / "new_photos", count=12, seed=1)
    rows = [
        f"{path.relative_to(tmp_path / 'photos')},{path.parent.name}\n"
        for path in sorted((tmp_path / "photos").rglob("*.png"))
    ]
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(rows))

    def suggest(source, **choice):
        config = tiny.config(source.name, epochs=1)
        return dataclasses.replace(
            config, data=dataclasses.replace(config.data, image_size=32)
        ), {}

    monkeypatch.setattr(suggestions, "suggest", suggest)
    return tmp_path


@pytest.fixture
def logged(monkeypatch):
    """What Weights & Biases and MLflow, faked, were told."""
    rows = {"wandb": [], "mlflow": []}
    wandb = types.ModuleType("wandb")
    wandb.init = lambda project: None
    wandb.log = lambda row, step: rows["wandb"].append((row, step))
    mlflow = types.ModuleType("mlflow")
    mlflow.start_run = contextlib.nullcontext
    mlflow.log_metrics = lambda row, step: rows["mlflow"].append((row, step))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return rows


@pytest.mark.slow
def test_python(here, logged):
    names = {}
    exec(compile(code("python.md"), "docs/python.md", "exec"), names)
    assert names["vectors"].shape[0] == 4
    assert set(names["labels"]) <= {"cat", "dog"}
    assert (here / "encoder.keras").exists()
    for row, step in (*logged["wandb"], *logged["mlflow"]):
        assert row["step"] == step
    losses = [row["loss"] for row, _ in logged["wandb"] if "loss" in row]
    assert losses and losses == [
        row["loss"] for row, _ in logged["mlflow"] if "loss" in row
    ]


def test_stop_when_knn_falls():
    text = code("python.md")
    [found] = re.findall(r"^class KnnFalls.*?\n\n\n", text, re.M | re.S)
    names = {}
    exec(found, names)
    falls = names["KnnFalls"](patience=2)
    rows = [0.5, 0.6, 0.55, 0.7, 0.6, 0.6, 0.6]
    answers = [falls({"step": i, "knn": knn}) for i, knn in enumerate(rows)]
    assert answers == [False, False, False, False, False, True, True]
    assert falls({"step": 9, "loss": 1.0}) is False


@pytest.mark.parametrize(
    "name, vectors", [("start.md", 40), ("../README.md", 12)]
)
def test_start(here, name, vectors):
    names = {}
    exec(compile(code(name), name, "exec"), names)
    assert len(names["vectors"]) == vectors
    assert len(names["labels"]) == 12


def test_a_store_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vectors, _ = made_store.mixture(20, 2, 8)
    made_store.begin(tmp_path / "store", vectors)
    names = {}
    exec(code("embedding.md"), names)
    assert names["batch"].num_rows == 20


@pytest.mark.parametrize(
    "name", ["coming_from_lightly.md", "studies.md", "views.md"]
)
def test_short_examples(name):
    exec(compile(code(name), name, "exec"), {})


@pytest.mark.slow
def test_coming_from_pytorch(here):
    """Its session reads what `simclr export` wrote."""
    run = simclr.pretrain(data="photos", workdir="runs/photos")
    simclr.export_run(run, format="onnx")
    names = {}
    exec(code("coming_from_pytorch.md"), names)
    assert names["features"].shape[0] == 2
