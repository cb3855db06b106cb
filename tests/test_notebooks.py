"""The notebooks, from top to bottom, with small settings on a CPU."""

import pathlib

import nbformat
import pytest

from tests import notebooks, tiny

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
SET = {
    "data.image_size": 16,
    "model.width": 0.125,
    "train.eval_epochs": 0,
    "train.checkpoint_epochs": 1,
}
SETTINGS = {"epochs": 2, "batch_size": 16, "strategy": "cpu", "set": SET}
SMALL = {
    "quick_start": {"RECIPE": "demo", "SETTINGS": SETTINGS},
    "few_labels": {
        "LABEL_FRACTION": 0.2,
        "RECIPE": "demo",
        "PRETRAIN": SETTINGS,
        "LATER": {"epochs": 2, "batch_size": 8, "strategy": "cpu"},
    },
    "studies": {
        "CONFIG": "demo",
        "AXES": ["loss.temperature=0.1,0.5"],
        "SETTINGS": [f"{key}={value}" for key, value in SET.items()]
        + ["epochs=0.02", "batch_size=16"],
    },
}


def opened(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_clean(name):
    """Without outputs, so that a change of it can be read."""
    cells = opened(name).cells
    assert [
        c for c in cells if c.get("outputs") or c.get("execution_count")
    ] == []
    assert cells[0].cell_type == "markdown" and cells[0].source[:2] == "# "


def test_each_has_small_settings():
    assert set(SMALL) == set(NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs(name, tmp_path):
    photos = str(tiny.write_photos(tmp_path / "photos", count=80))
    notebook = opened(name)
    [settings] = [
        cell
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", ())
    ]
    values = {"DATA": photos, "TEST": photos, "FOLDER": str(tmp_path / "runs")}
    settings.source += "".join(
        f"\n{key} = {value!r}"
        for key, value in {**values, **SMALL[name]}.items()
    )
    said, drawn = notebooks.run(notebook)
    assert len(drawn) == {"quick_start": 2, "studies": 1}.get(name, 0)
    if name == "few_labels":
        assert "student" in said and "from scratch" in said
