"""simclr evaluate beside encoders in files, and beside other runs."""

import json
import os

import numpy as np
import pytest

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.evaluation import health
from simclr.frozen.encoder import open_encoder
from simclr.inference import features
from tests import frozen_files, tiny, tiny_classifier, tiny_encoder
from tests.test_predict import say


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


@pytest.fixture(scope="module")
def run(tmp_path_factory, photos):
    return tiny_encoder.write(tmp_path_factory.mktemp("runs") / "one", photos)


@pytest.fixture(scope="module")
def other(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("runs") / "other"
    return tiny_encoder.write(folder, photos, seed=2)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Of 24 pixels, where the run's images have 16."""
    folder = tmp_path_factory.mktemp("nets")
    return frozen_files.write_keras(folder / "net.keras", side=24)


def results(run):
    with open(os.path.join(run, "results.json")) as file:
        return json.load(file)


def test_files_and_runs_stand_beside_the_run(run, other, net, photos, capsys):
    flags = [f"--baseline={net}", f"--baseline={other}", f"--baseline={run}"]
    status, said, error = say(
        capsys, "evaluate", run, *flags, "--preprocessing=inception"
    )
    assert status == 0, error
    found = results(run)
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [
        *("raw pixels", "untrained encoder"),
        *("net.keras", "other", "one", "trained encoder"),
    ]
    for row in rows.values():
        assert {"knn_top1", "linear_top1", "dims"} <= set(row)
        assert ("alignment" in row) == (row["name"] != "raw pixels")
    # Beside itself it finds the same neighbours, and has the same health.
    itself, trained = rows["one"], rows["trained encoder"]
    assert itself.pop("agreement") == 1 and "agreement" not in trained
    del itself["name"], itself["seconds"]
    for name, value in itself.items():
        assert value == pytest.approx(trained[name], rel=1e-5), name
    for name in ("raw pixels", "untrained encoder", "net.keras", "other"):
        assert 0 < rows[name]["agreement"] < 1

    # Each at its own size: what the file's net says of 24 pixels.
    encoder = open_encoder(net, "inception")
    _, h = features.embed(
        encoder,
        Reader(open_source(str(photos))),
        image_size=24,
        progress=False,
    )
    expected = health.health(np.asarray(h))
    for name, value in expected.items():
        assert rows["net.keras"][name] == pytest.approx(value, rel=1e-4), name
    assert found["identity"]["baselines"][2] == encoder.digest
    assert len(set(found["identity"]["baselines"])) == 5

    assert f"Baseline  {encoder.words}" in said
    lines = said.splitlines()
    assert any(line.endswith("  agreement") for line in lines)
    assert any(
        line.startswith("one ") and line.endswith("100.0 %") for line in lines
    )
    assert "10 images nearest to each of 40 by the trained encoder" in said
    assert "by chance 25.6%" in said


def test_without_labels_the_agreement_is_what_there_is(
    run, net, tmp_path, capsys
):
    plain = tiny.write_photos(tmp_path / "plain", 20, ("all",), seed=4) / "all"
    status, said, error = say(
        *(capsys, "evaluate", run, f"--data={plain}", f"--baseline={net}")
    )
    assert status == 0, error
    with open(os.path.join(run, "results_all.json")) as file:
        rows = {row["name"]: row for row in json.load(file)["rows"]}
    assert "top-1" not in said
    assert rows["raw pixels"].keys() == {"name", "agreement"}
    assert rows["net.keras"].keys() > {"agreement", "effective_rank"}
    assert "nothing says it; --preprocessing does" in said


def test_what_cannot_be_put_beside_a_run_is_an_error_first(
    run, net, photos, tmp_path, capsys
):
    before = set(os.listdir(run))

    def refused(message, *flags):
        status, said, error = say(capsys, "evaluate", run, *flags)
        assert (status, "Devices" in said) == (2, True)
        assert message in error and len(error.splitlines()) == 1

    refused(
        "photos is no frozen encoder (a .keras or .onnx file, or a SavedModel's"
        " folder), no run folder and no file of published weights",
        f"--baseline={tmp_path / 'photos'}",
    )
    refused("There is no ", f"--baseline={tmp_path / 'none.onnx'}")
    refused(
        "--preprocessing goes with --baseline=FILE",
        *(f"--baseline={run}", "--preprocessing=imagenet"),
    )
    refused(
        "no normalization 'imagnet'",
        *(f"--baseline={net}", "--preprocessing=imagnet"),
    )
    assert set(os.listdir(run)) == before


def test_of_a_classifier_its_features_are_put_beside(
    photos, net, tmp_path, capsys
):
    run = tiny_classifier.write(tmp_path / "run", photos)
    status, _, error = say(
        capsys, "evaluate", run, "--classifier", f"--baseline={net}"
    )
    assert status == 2 and "--baseline is of encoders: say --nocl" in error
    status, _, error = say(
        capsys, "evaluate", run, "--nobaselines", f"--baseline={net}"
    )
    assert status == 0, error
    with open(os.path.join(run, "results_features.json")) as file:
        names = [row["name"] for row in json.load(file)["rows"]]
    assert names == ["net.keras", "trained encoder"]
