import numpy as np
import pytest

from simclr.evaluation import agreement
from simclr.evaluation.agreement import by_chance, neighbour_agreement
from simclr.messages.errors import InputError
from tests import reference_evaluation as reference


def features(m=40, f=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=[m, f]).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 39])
def test_is_that_of_the_definition(k, monkeypatch):
    monkeypatch.setattr(agreement, "_ROWS", 7)  # Several blocks, one short.
    h = features()
    other = np.tanh(h @ features(6, 9, seed=1)) + features(40, 9, seed=2)
    expected = reference.neighbour_agreement(h, other, k)
    assert neighbour_agreement(h, other, k) == pytest.approx(expected)
    assert expected == 1 if k == 39 else 0 < expected < 1


def test_rotated_and_scaled_features_agree_with_themselves():
    h = features()
    rotation = np.linalg.qr(features(6, 6, seed=1))[0]
    length = np.random.default_rng(2).uniform(0.1, 9, [40, 1])
    assert neighbour_agreement(h, h) == 1
    assert neighbour_agreement(h, length * (h @ rotation)) > 0.99


def test_of_noise_as_much_as_by_chance():
    h, other = features(600, seed=1), features(600, 20, seed=2)
    assert by_chance(600) == 10 / 599
    # 6,000 neighbours: three standard deviations are .005.
    assert neighbour_agreement(h, other) == pytest.approx(10 / 599, abs=5e-3)


def test_few_images():
    assert neighbour_agreement(features(4), features(4, seed=1)) == 1
    assert by_chance(4) == 1
    with pytest.raises(InputError, match=r"1 image\(s\)"):
        neighbour_agreement(features(1), features(1))
    with pytest.raises(InputError, match="40 and of 30 images"):
        neighbour_agreement(features(), features(30))
