"""Drift of a day's features against a reference."""

import numpy as np
import pytest
from scipy import stats

from simclr.explore.clusters import kmeans, radius
from simclr.explore.drift import differences, reference, verdict
from simclr.explore.drift.reference import FEATURES, MIX, NOVEL
from simclr.messages.errors import InputError

K, D = 8, 12
MOST = 400  # Images, so that a comparison takes milliseconds.
CENTRES = np.random.default_rng(0).normal(size=[K, D]).astype(np.float32) * 3


def images(count, seed, *, share=None, centres=CENTRES):
    rng = np.random.default_rng(seed)
    part = rng.choice(len(centres), count, p=share)
    noise = rng.normal(size=[count, D])
    return (centres[part] + noise).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "MOST", MOST)
        yield


@pytest.fixture(scope="module")
def known():
    """Centroids, thresholds, and rows that neither was fitted to."""
    rows = images(4000, seed=1)
    centroids = kmeans.fit(rows[:2000], K, seed=0)
    cluster, distance = kmeans.nearest(rows[2000:], centroids)
    radii = radius.fit(distance, cluster, K)
    return centroids, radii.thresholds, images(4000, seed=2)


@pytest.fixture(scope="module")
def fitted(known):
    centroids, thresholds, rows = known
    return reference.fit(rows, centroids, thresholds, seed=0)


def signs(found):
    return {sign.name: sign for sign in found.signs}


def test_divergence_is_the_literal_sum():
    p, q = [3, 0, 5, 2], [1, 4, 5, 0]
    expected = 0
    for a, b in zip(p, q):
        a, b = a / 10, b / 10
        middle = (a + b) / 2
        expected += a * np.log2(a / middle) / 2 if a else 0
        expected += b * np.log2(b / middle) / 2 if b else 0
    assert differences.divergence(p, q) == pytest.approx(expected)
    assert differences.divergence(q, p) == pytest.approx(expected)
    assert differences.divergence([1, 2], [10, 20]) == pytest.approx(0)
    assert differences.divergence([1, 0], [0, 7]) == pytest.approx(1)
    two = differences.divergence(np.array([p, q]), np.array(q))
    np.testing.assert_allclose(two, [expected, 0], atol=1e-12)


def literal_discrepancy(one, other, scale):
    def mean(a, b, same):
        values = [
            np.exp(-np.sum((x - y) ** 2) / scale)
            for i, x in enumerate(a)
            for j, y in enumerate(b)
            if not (same and i == j)
        ]
        return np.mean(values)

    inside = mean(one, one, True) + mean(other, other, True)
    return inside - 2 * mean(one, other, False)


def test_discrepancy_is_the_literal_mean_over_pairs():
    one, other = images(13, seed=3), images(9, seed=4) + 1
    expected = literal_discrepancy(one.astype(float), other.astype(float), 30)
    found = differences.discrepancy(one, other, 30)
    assert found == pytest.approx(expected, abs=1e-6)


def test_discrepancy_is_unbiased():
    found = [
        differences.discrepancy(images(20, i), images(30, i + 500), 30)
        for i in range(200)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)
    assert np.min(found) < 0


def test_interval_has_the_tails_of_the_binomial():
    low, high = differences.interval(7, 100)
    assert stats.binom.sf(6, 100, low) == pytest.approx(0.025)
    assert stats.binom.cdf(7, 100, high) == pytest.approx(0.025)
    assert differences.interval(0, 50)[0] == 0


@pytest.mark.parametrize("count", [150, 2000])
def test_a_day_like_the_reference_is_no_reason(fitted, count):
    for seed in range(10, 13):
        found = verdict.compare(fitted, images(count, seed))
        assert found.retrain == verdict.NO
        assert not any(sign.drifted for sign in found.signs)
        assert len(found.reasons) == 3


@pytest.mark.parametrize("count", [150, 2000])
def test_a_new_kind_of_image_is_a_reason(fitted, count):
    day = images(count, 20)
    day[: count // 5] = images(count // 5, 21, centres=-2 * CENTRES[:1])
    found = verdict.compare(fitted, day)
    assert found.retrain == verdict.YES
    assert signs(found)[NOVEL].drifted
    assert signs(found)[NOVEL].value == pytest.approx(0.2, abs=0.03)


def test_features_that_move_inside_their_clusters_are_a_reason(fitted):
    shift = np.random.default_rng(5).normal(size=D)
    day = images(1000, 22) + 0.6 * shift / np.linalg.norm(shift)
    found = verdict.compare(fitted, day)
    assert signs(found)[FEATURES].drifted
    assert found.retrain == verdict.YES
    # Images that are all too alike: a lens out of focus, say.
    narrow = CENTRES[np.arange(1000) % K] + (images(1000, 23) % 1) * 0.1
    assert signs(verdict.compare(fitted, narrow))[FEATURES].drifted


def test_another_mix_alone_is_none(fitted):
    share = np.arange(1, K + 1) / np.arange(1, K + 1).sum()
    found = verdict.compare(fitted, images(1000, 24, share=share))
    assert [s.name for s in found.signs if s.drifted] == [MIX]
    assert found.retrain == verdict.NO
    assert "a mix alone is no reason" in found.reasons[1]


def test_one_false_alarm_in_many_days(fitted):
    alarms = 0
    for seed in range(25):
        found = verdict.compare(fitted, images(200, 100 + seed))
        alarms += sum(sign.drifted for sign in found.signs)
    assert alarms <= 1


def test_too_few_images_say_nothing(fitted):
    found = verdict.compare(fitted, images(20, 30))
    assert found.retrain == verdict.TOO_FEW and not found.signs
    assert "20 images would not show" in found.reasons[0]
    # The literal power: how often would a tenth of novel images be seen?
    for count in (50, 100, 200):
        rate = fitted.expected
        least = min(
            hits
            for hits in range(count)
            if stats.binom.cdf(hits, count, rate) >= 0.999
        )
        seen = sum(stats.binom.pmf(range(least + 1, count + 1), count, 0.1))
        assert reference.is_enough(count, fitted) == (seen >= 0.9)


def test_what_its_own_days_do_is_no_drift(known):
    centroids, thresholds, rows = known
    days = np.arange(len(rows)) // 1000
    shifts = np.zeros([4, D])
    shifts[2, 0] = 0.7  # One day of the reference was such a one, too.
    rows = rows + shifts[days]
    day = images(1000, 40) + 0.9 * shifts[2]
    strict, used_to_it = (
        reference.fit(rows, centroids, thresholds, seed=0, days=d)
        for d in (None, days.astype(str))
    )
    assert signs(verdict.compare(strict, day))[FEATURES].drifted
    assert not signs(verdict.compare(used_to_it, day))[FEATURES].drifted
    day = images(1000, 41) + 3 * shifts[2]
    assert signs(verdict.compare(used_to_it, day))[FEATURES].drifted


def test_the_same_seed_gives_the_same(known, fitted):
    centroids, thresholds, rows = known
    again = reference.fit(rows, centroids, thresholds, seed=0)
    day = images(300, 50)
    assert verdict.compare(fitted, day) == verdict.compare(again, day)


def test_expected_is_the_larger_of_told_and_seen(known):
    centroids, thresholds, rows = known
    z, _ = reference.fit(rows, centroids, thresholds, seed=0).scaled(rows)
    seen = np.mean(np.linalg.norm(z, axis=1) > 1)
    for told, expected in ((1e-4, seen), (0.2, 0.2)):
        found = reference.fit(
            *(rows, centroids, thresholds), seed=0, false_alarms=told
        )
        assert found.expected == pytest.approx(expected)


def test_bad_input_is_explained(known, fitted):
    centroids, thresholds, rows = known
    with pytest.raises(InputError, match="199 rows are no reference"):
        reference.fit(rows[:199], centroids, thresholds, seed=0)
    with pytest.raises(InputError, match="3 days of 4000 rows"):
        reference.fit(rows, centroids, thresholds, seed=0, days=[1, 2, 3])
    with pytest.raises(InputError, match="nearest one of centroids"):
        verdict.compare(fitted, rows[:500, 1:])
