"""The Kaggle notebooks, from top to bottom, on this machine's CPU."""

import shutil

import nbformat
import pytest

from simclr.optimizers.schedules import total_steps
from simclr.runs import metrics
from tests import notebooks, tiny

TINY = {
    "strategy": "cpu",
    "epochs": 6,
    "batch_size": 16,
    "model": {"width": 0.125},
    "set": {
        "data.image_size": 16,
        "train.checkpoint_epochs": 1,
        "train.eval_epochs": 0,
    },
}


def execute(kind, folder, photos, max_hours):
    """Runs a notebook as Kaggle would; returns all that it said and showed."""
    notebook = nbformat.read(f"tpu_scripts/kaggle_{kind}.ipynb", as_version=4)
    nbformat.validate(notebook)
    [settings] = [
        cell
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", ())
    ]
    settings.source = "\n".join(
        [
            f"DATA, RUN = {str(photos)!r}, 'photos'",
            f"SETTINGS, MAX_HOURS = {TINY!r}, {max_hours}",
            f"INPUT, WORKING = {str(folder / 'input')!r}, "
            f"{str(folder / 'working')!r}",
            "SOURCE = '/not/needed/here'",
        ]
    )
    return notebooks.run(notebook)


@pytest.fixture
def photos(tmp_path):
    return tiny.write_photos(tmp_path / "photos")


@pytest.mark.slow
def test_gpu_notebook(tmp_path, photos):
    said, pictures = execute("gpu", tmp_path, photos, max_hours=1)
    assert "Finished." in said and "linear" in said
    assert len(pictures) == 3


@pytest.mark.slow
def test_tpu_notebook_goes_on_where_its_last_version_stopped(tmp_path, photos):
    said, _ = execute("tpu", tmp_path, photos, max_hours=1e-6)
    assert "The time is over" in said
    first = metrics.read(tmp_path / "working/runs/photos/metrics.jsonl")
    # What Kaggle does with the output of a version that is added as input.
    shutil.move(tmp_path / "working", tmp_path / "input" / "last-version")

    said, pictures = execute("tpu", tmp_path, photos, max_hours=1)
    assert "Going on from" in said and "Finished." in said and pictures
    rows = metrics.read(tmp_path / "working/runs/photos/metrics.jsonl")
    assert rows[: len(first)] == first
    assert rows[-1]["step"] == total_steps(6, 64, 16)


def test_notebooks_differ_in_their_hours_and_words_alone():
    tpu, gpu = (
        nbformat.read(f"tpu_scripts/kaggle_{kind}.ipynb", as_version=4)
        for kind in ("tpu", "gpu")
    )
    for one, other in zip(tpu.cells, gpu.cells):
        if one.cell_type == "code":
            assert one.source.replace("8.5", "11.5") == other.source
