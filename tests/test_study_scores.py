"""What a study's run is scored by: features, projections, answers."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from simclr.commands.study import scoring
from simclr.commands.use.score_run import score_run
from simclr.config import Data
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.models import heads
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder
from simclr.studies.study import (
    CLASSIFIER,
    FEATURES,
    ONLINE,
    PROJECTION,
    Score,
)
from tests import tiny, tiny_pretrained

STRATEGY = tf.distribute.get_strategy()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    seven = tuple("abcdefg")
    train = tiny.write_photos(folder / "a", count=70, classes=seven)
    test = tiny.write_photos(folder / "b", count=21, classes=seven, seed=1)
    return Data(source=str(train), eval_source=str(test))


@pytest.fixture
def run(tmp_path):
    model = dataclasses.replace(tiny.CONFIG.model, head_dim=4)
    return tiny_pretrained.write(tmp_path / "run", model, size=16)


def scored(run, out, **scores):
    return scoring.score(run, scores, strategy=STRATEGY, out=str(out))


def test_a_probe_is_that_of_evaluate_and_is_fitted_once(
    run, data, tmp_path, monkeypatch
):
    found = scored(run, tmp_path, top1=Score(FEATURES, data))
    (tmp_path / "other").mkdir()
    other = score_run(
        run, str(tmp_path / "other"), strategy=STRATEGY, images=data
    )
    assert found["top1"] == other["top1"] and found["images"] == 21
    assert found["top1_top5"] > found["top1"]
    monkeypatch.setattr(scoring, "fit_probe", None)
    assert scored(run, tmp_path, top1=Score(FEATURES, data)) == found
    checkpoint.save(run_folder.checkpoints(run), 5, {"w": np.zeros(2)})
    with pytest.raises(ValueError):  # Other weights are another score.
        scored(run, tmp_path, top1=Score(FEATURES, data))


def test_features_and_projections_are_two_things(run, data, tmp_path):
    found = scored(
        run, tmp_path, h=Score(FEATURES, data), z=Score(PROJECTION, data)
    )
    assert set(found) == {"h", "h_top5", "z", "z_top5", "images"}
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert kept["h"]["identity"] != kept["z"]["identity"]


def test_a_projection_is_what_the_head_gives(run, data, tmp_path, monkeypatch):
    seen = []
    fit = scoring.fit_probe

    def noted(h, *args, **options):
        seen.append(h.shape)
        return fit(h, *args, **options)

    monkeypatch.setattr(scoring, "fit_probe", noted)
    scored(run, tmp_path, z=Score(PROJECTION, data))
    assert seen == [(70, 4)]


def test_without_a_head_projections_are_the_features(data, tmp_path):
    model = dataclasses.replace(tiny.CONFIG.model, head_layers=0)
    run = tiny_pretrained.write(tmp_path / "run", model, size=16)
    found = scored(
        run, tmp_path, h=Score(FEATURES, data), z=Score(PROJECTION, data)
    )
    assert found["h"] == found["z"]


def test_the_online_probe_answers_with_its_own_weights(run, data, tmp_path):
    with pytest.raises(ValueError, match="has no online probe"):
        scored(run, tmp_path, top1=Score(ONLINE, data))
    features = weights.load_encoder(run).model.output.shape[-1]
    probe = heads.linear_probe(features, 7)
    step, arrays = checkpoint.read_newest(run_folder.checkpoints(run))
    arrays |= {
        "probe/probe/kernel": np.zeros(probe.kernel.shape, np.float32),
        "probe/probe/bias": np.eye(7, dtype=np.float32)[2],
    }
    checkpoint.save(run_folder.checkpoints(run), step + 1, arrays)
    facts = run_folder.read_facts(run) | {"classes": list("gfedcba")}
    run_folder.write(run, "run.json", json.dumps(facts))
    found = scored(run, tmp_path, top1=Score(ONLINE, data))
    assert found["top1"] == pytest.approx(3 / 21)
    expected = np.tile(np.eye(7)[2], (21, 1))  # All are "e", in its order.
    labels = np.repeat(np.arange(7), 3)
    assert found["top1_top5"] == pytest.approx(
        top_k_accuracy(expected, labels, 5)
    )


def test_an_encoder_is_no_classifier(run, data, tmp_path):
    with pytest.raises(ValueError, match="is no classifier"):
        scored(run, tmp_path, top1=Score(CLASSIFIER, data))
    nothing = Data(source=data.source, labels="none")
    with pytest.raises(ValueError, match="cannot be scored"):
        scored(run, tmp_path, top1=Score(FEATURES, nothing))
