"""The table of objectives: what each takes, gives, and refuses."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr import losses
from simclr.config import Loss, Negatives
from simclr.losses import objectives
from simclr.training.tasks import Pretrain
from tests import tiny
from tests.objectives import on_replicas, views

OFFERED = {
    "temperature",
    "trade_off",
    "scaled",
    "coefficients",
    "seed",
    "block",
    "normalize",
    "negatives",
    "negatives_filled",
}


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_contract(strategy, name):
    """Known options, named scalars; each replica's mean is the global loss."""
    assert objectives.options(name) <= OFFERED
    z1, z2 = views(n=8, d=4, dtype=np.float64)
    losses, scalars, gradient = on_replicas(
        strategy, lambda *z: objectives.call(name, *z, seed=(0, 1)), z1, z2
    )
    assert set(scalars) == set(objectives.scalars(name)) and scalars
    loss, plain = objectives.call(name, z1, z2, seed=(0, 1))
    np.testing.assert_allclose(losses.mean(), loss, rtol=1e-9)
    for key, value in plain.items():
        np.testing.assert_allclose(scalars[key].mean(), value, rtol=1e-9)
    assert np.abs(gradient).max() > 0


def test_an_option_that_is_not_taken_or_none_stays_out():
    z = views()
    expected, _ = objectives.get("barlow_twins")(*z)
    loss, _ = objectives.call(
        "barlow_twins", *z, temperature=9.0, trade_off=None
    )
    np.testing.assert_allclose(loss, expected)
    loss, _ = objectives.call("barlow_twins", *z, trade_off=1.0)
    assert loss > expected


def test_pretraining_hands_over_the_config():
    """Temperature, trade-off, weight; a new draw in every step."""
    task = Pretrain(tiny.CONFIG, num_examples=64)
    z1, z2 = map(tf.constant, views(n=8, d=16))

    def contrast(**loss):
        task.config = dataclasses.replace(tiny.CONFIG, loss=Loss(**loss))
        total, scalars = task.contrast(z1, z2)
        return float(total), float(scalars["loss"])

    total, loss = contrast(weight=2.0)
    assert total == 2 * loss
    assert contrast(temperature=0.5)[1] != loss
    barlow = contrast(name="barlow_twins")
    assert contrast(name="barlow_twins", trade_off=1.0)[1] > barlow[1]
    vicreg = contrast(name="vicreg")
    assert contrast(name="vicreg", coefficients=(25, 25, 2))[1] > vicreg[1]
    first = contrast(name="swd_normal")
    assert contrast(name="swd_normal") == first
    task.optimizer.iterations.assign(1)
    assert contrast(name="swd_normal") != first


def test_unknown_objective_is_an_error():
    with pytest.raises(ValueError, match=r"'moco' .*choose one of nt_xent"):
        objectives.check("moco", negatives=False)


def test_a_memory_needs_negatives(tmp_path):
    """Before any image is read or folder written."""
    objectives.check("nt_xent", negatives=True)
    config = tiny.config(
        tiny.write_photos(tmp_path / "photos"),
        loss=Loss(name="barlow_twins"),
        negatives=Negatives(size=16),
    )
    with pytest.raises(ValueError, match=r"barlow_twins has none.*nt_xent"):
        Pretrain.open_data(config)


def test_trade_off_may_be_left_open():
    config = config_lib.override(tiny.CONFIG, ["loss.trade_off=0"])
    assert config.loss.trade_off == 0.0
    config = config_lib.override(config, ["loss.trade_off=None"])
    assert config.loss.trade_off is None
    assert config_lib.from_json(config_lib.to_json(config)) == config
    with pytest.raises(ValueError, match="trade_off takes a number"):
        config_lib.override(config, ["loss.trade_off=much"])


def test_a_config_names_an_objective_that_there_is():
    with pytest.raises(ValueError, match=r"'ntxent'.*Did you mean nt_xent\?"):
        config_lib.override(tiny.CONFIG, ["loss.name=ntxent"])
    assert "nt_xent" in dir(losses) and callable(losses.nt_xent)
