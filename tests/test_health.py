import numpy as np
import pytest

from simclr.data.images.reader import Reader
from simclr.evaluation import health, split
from tests import reference_evaluation as reference
from tests.images import ListSource, encoded


def gauss(m=200, f=16, seed=0):
    return np.random.default_rng(seed).normal(size=(m, f)).astype(np.float32)


def diagnosis(h, alike=False):
    figures = health.health(h)
    return health.diagnose(figures, h.shape[1], len(h), lambda: alike)


def low_rank(rank, m=2000, f=128):
    return gauss(m, rank) @ gauss(rank, f, seed=1)


def relu(h):
    return np.maximum(h, 0)


@pytest.mark.parametrize("shape", [(200, 16), (12, 40), (1, 3)])
def test_effective_rank_matches_the_paper(shape):
    h = gauss(*shape) + 1
    np.testing.assert_allclose(
        health.effective_rank(h), reference.effective_rank(h), rtol=1e-5
    )


@pytest.mark.parametrize("f", [1, 4, 64])
def test_effective_rank_of_equal_directions_is_their_number(f):
    h = np.concatenate([np.eye(f), -np.eye(f)] * 50)
    np.testing.assert_allclose(health.effective_rank(h), f, rtol=1e-6)


def test_effective_rank_of_constant_and_zero_features():
    h = np.tile(gauss(1, 128), [700, 1])
    np.testing.assert_allclose(health.effective_rank(h), 1, rtol=1e-4)
    assert health.effective_rank(h * 0) == 0


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_effective_rank_ignores_scale_and_rotation(scale):
    h = gauss() * np.arange(1, 17)
    rotation = np.linalg.qr(gauss(16, 16, seed=3))[0]
    np.testing.assert_allclose(
        health.effective_rank(scale * h @ rotation),
        health.effective_rank(h),
        rtol=1e-5,
    )


def test_alignment_and_uniformity_match_the_paper():
    h1, h2 = gauss(), gauss(seed=1)
    np.testing.assert_allclose(
        health.alignment(h1, h2), reference.alignment(h1, h2), rtol=1e-6
    )
    np.testing.assert_allclose(
        health.uniformity(h1), reference.uniformity(h1), rtol=1e-5
    )


def test_uniformity_in_blocks(monkeypatch):
    monkeypatch.setattr(health, "_BLOCK", 64)
    h = gauss()
    np.testing.assert_allclose(
        health.uniformity(h), reference.uniformity(h), rtol=1e-5
    )
    np.testing.assert_allclose(
        health.effective_rank(h), reference.effective_rank(h), rtol=1e-5
    )


def test_closed_forms():
    h = gauss()
    assert health.alignment(h, 3 * h) == pytest.approx(0, abs=1e-12)
    assert health.alignment(h, -h) == pytest.approx(4)
    assert health.uniformity(np.ones([50, 8])) == pytest.approx(0, abs=1e-6)
    assert health.uniformity([[1.0, 0], [-1, 0]]) == pytest.approx(-8)
    assert np.isnan(health.uniformity([[1.0, 0]]))
    # Random directions of many dimensions are at right angles: -2 * 2.
    assert health.uniformity(gauss(500, 2000)) == pytest.approx(-4, abs=0.01)


@pytest.mark.parametrize("f", [32, 512])
def test_feature_std(f):
    std = health.feature_std(gauss(4000, f))
    assert std.shape == (f,)
    np.testing.assert_allclose(std.mean(), 1, rtol=0.02)
    constant = np.tile(gauss(1, f), [100, 1])
    np.testing.assert_allclose(health.feature_std(constant), 0, atol=1e-9)


def test_row_of_figures():
    h, h1, h2 = gauss(), gauss(seed=1), gauss(seed=2)
    figures = health.health(h, h1, h2)
    assert figures == {
        "effective_rank": health.effective_rank(h),
        "uniformity": health.uniformity(h),
        "feature_std": health.feature_std(h).mean(),
        "dead_features": 0.0,
        "alignment": health.alignment(h1, h2),
    }
    assert "alignment" not in health.health(h)


@pytest.mark.parametrize(
    "h",
    [
        gauss(2000, 128),
        relu(gauss(2000, 128)),
        gauss(2000, 128) / np.arange(1, 129),
        relu(gauss(1000, 600)),
        gauss(50, 2048),
        low_rank(12, m=600, f=600),
        gauss(2000, 4),
        gauss(20, 128),
    ],
    ids=range(8),
)
def test_healthy_features_are_not_complained_about(h):
    assert diagnosis(h) == []


@pytest.mark.parametrize(
    "h, message",
    [
        (np.ones([100, 64]), "nearly the same features for every image"),
        (np.zeros([100, 64]), "nearly the same features for every image"),
        (5 + 0.01 * gauss(500, 64), "nearly the same features"),
        (low_rank(1), "use about 1.0 of their 128 dimensions"),
        (low_rank(2), "use about 2.0 of their 128 dimensions"),
        (low_rank(6, m=600, f=600), "about 6.0 of their 600 dimensions"),
        (gauss(500, 64) * (np.arange(64) < 20), "69% of the 64 features"),
        (np.where(gauss() > 2, np.nan, gauss()), "not finite"),
    ],
)
def test_collapse_is_named(h, message):
    [warning] = diagnosis(h)
    assert message in warning
    assert "\n" not in warning


def test_bad_input_is_explained():
    with pytest.raises(ValueError, match="not finite"):
        health.effective_rank(np.full([3, 2], np.inf))
    with pytest.raises(ValueError, match=r"shape \(0, 4\)"):
        health.health(np.zeros([0, 4]))


def test_a_few_images_are_no_collapse():
    """Of three images the rank is at most three."""
    assert diagnosis(gauss(3, 512)) == []
    assert "not finite" in diagnosis(np.full([3, 4], np.nan))[0]
    assert diagnosis(gauss(1, 512)) == []


@pytest.mark.parametrize("images", [2, 64, 99, 100])
def test_the_same_features_for_few_images_are_a_collapse(images):
    for h in (np.zeros([images, 64]), np.ones([images, 64], np.float32) / 3):
        assert "collapsed" in diagnosis(h)[0]


def test_images_that_are_the_same_are_no_collapse():
    [warning] = diagnosis(np.ones([64, 8]), alike=True)
    assert "same picture" in warning and "collapse" not in warning
    assert diagnosis(gauss(64, 8), alike=True) == []  # Nobody asks.
    black = ListSource([encoded(0)] * 64)
    assert split.Part(Reader(black), np.arange(64), None).alike()
    mixed = ListSource([encoded(0)] * 63 + [encoded(1)])
    assert not split.Part(Reader(mixed), np.arange(64), None).alike()
