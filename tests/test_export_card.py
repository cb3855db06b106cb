"""MODEL_CARD.md of simclr export, without its files."""

import dataclasses
import json
import os

import keras
import pytest

from simclr import __main__ as cli
from simclr.config import to_json
from simclr.export import card, net
from simclr.runs import folder as run_folder
from simclr.runs import weights
from tests import tiny, tiny_classifier, tiny_encoder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twenty photos in two classes."""
    folder = tmp_path_factory.mktemp("card") / "photos"
    return str(tiny.write_photos(folder, count=20))


def text(run):
    """The card of a run's net."""
    built = net.build(weights.load_parts(run))
    return card.text(run, built, 1234, {"keras": 2e-7}, "photos")


def evaluate(run, *flags):
    assert cli.main(["evaluate", run, *flags]) == 0


def test_an_encoders_scores_and_baselines(tmp_path, photos):
    run = tiny_encoder.write(tmp_path / "run", photos)
    said = text(run)
    assert "has scored no labelled images" in said
    assert f"needs Keras {keras.__version__} or a newer one" in said
    (tmp_path / "flat").mkdir()
    tiny.write_photos(tmp_path / "flat", count=8, classes=("",))
    evaluate(run, f"--data={tmp_path / 'flat'}")  # Without labels: no scores.
    assert "has scored no labelled images" in text(run)
    evaluate(run)
    said = text(run)
    for words in ("linear top-1", "raw pixels", "untrained", "images of "):
        assert words in said
    path = os.path.join(run, "results.json")
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    run_folder.write(run, "results.json", json.dumps({**results, "step": 2}))
    assert "of step 2, not the exported one" in text(run)


def test_a_classifiers_scores_on_images_of_another_place(tmp_path, photos):
    """They stand in results_NAME.json, and what guessing gives beside them."""
    run = tiny_classifier.write(tmp_path / "run", photos)
    evaluate(run, f"--data={photos}")
    said = text(run)
    assert f"On 20 images of {photos}" in said and "calibration error" in said
    assert "the commonest class of every image is right in 50.0 %" in said
    assert "columns are named by `classes.json`" in said


def test_whose_weights_it_learned_from(tmp_path, photos):
    run = tiny_encoder.write(tmp_path / "run", photos)
    config = dataclasses.replace(run_folder.read_config(run), init="/runs/one")
    run_folder.write(run, "config.json", to_json(config))
    assert "began with or learned from: /runs/one." in text(run)


def test_of_imported_weights(tmp_path, photos):
    """They have no training of ours to tell of; the notes say whence."""
    run = tiny_encoder.write(tmp_path / "run", photos, step=0)
    facts = run_folder.read_facts(run)
    facts |= {"imported": {"path": "w.pth"}, "notes": ["imported from w.pth"]}
    run_folder.write(run, "run.json", json.dumps(facts))
    said = text(run)
    assert "- imported from w.pth" in said and "Optimizer" not in said
