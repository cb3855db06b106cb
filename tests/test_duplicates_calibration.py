import math

import numpy as np
import pytest

from simclr.explore.clusters.whiten import unit
from simclr.explore.duplicates import calibration, scores
from simclr.explore.duplicates.calibration import Neighbours
from simclr.explore.duplicates.pairs import pairs_within


def with_duplicates(n=4000, d=16, share=0.05, noise=0.06, seed=0):
    """Rows of a Gaussian, some of them copied; scores; made duplicates."""
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=[n, d]).astype(np.float32))
    count = round(n * share)
    copies = slice(n - count, n)
    rows[copies] = near(rows[:count], noise, rng)
    rows = rows.astype(np.float16)
    background = scores.background_of(rows)
    one = scores.scored(rows, background)
    sample = rng.integers(n, size=400)
    ours = scores.scored(
        near(rows[sample], noise, rng).astype(np.float16), background
    )
    made = one.pair_scores(ours, sample, np.arange(400))
    return one, made, count


def near(rows, noise, rng):
    size = noise * rng.uniform(0.5, 1.5, size=[len(rows), 1])
    return unit((rows + size * rng.normal(size=rows.shape)).astype(np.float32))


def slow_false(scores_of, copy, threshold):
    """The equations of calibration.py for one image, a number at a time."""
    gap = [max(copy - float(s), 1e-3) for s in scores_of]
    y = [-math.log(g) for g in gap]
    spacings = [j * (y[j - 1] - y[j]) for j in range(10, 40)]
    spacings.sort()
    middle = (spacings[14] + spacings[15]) / 2
    power = math.log(2) / max(middle, 1e-6)
    share = min(max((copy - threshold) / gap[9], 0), 1)
    return 9 * share**power


def test_neighbours_match_a_sort():
    one, _, _ = with_duplicates(500)
    found = calibration.neighbour_scores(one, count=30, seed=3)
    sample = np.sort(np.random.default_rng(3).choice(500, 30, replace=False))
    for row, image in enumerate(sample):
        others = np.delete(np.arange(500), image)
        expected = one.pair_scores(one, np.full([499], image), others)
        expected = np.sort(expected)[::-1][:40]
        np.testing.assert_allclose(found.scores[row], expected, atol=1e-5)
    np.testing.assert_array_equal(found.copy, 1 - one.levels[sample])


def test_neighbours_in_blocks_and_in_another_set(monkeypatch):
    one, _, _ = with_duplicates(500)
    other = scores.Scored(one.rows[:200], one.levels[:200])
    rest = scores.Scored(one.rows[200:], one.levels[200:])
    whole = calibration.neighbour_scores(one, count=500)
    between = calibration.neighbour_scores(rest, other, count=300)
    monkeypatch.setattr(calibration, "_BLOCK", 37)
    parts = calibration.neighbour_scores(one, count=500)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-6)
    again = calibration.neighbour_scores(rest, other, count=300)
    np.testing.assert_allclose(again.scores, between.scores, atol=1e-6)
    best = rest.queries(slice(None)) @ other.candidates(slice(None)).T
    np.testing.assert_allclose(
        between.scores[:, 0], best.max(axis=1), atol=1e-5
    )


def test_false_pairs_match_the_equations():
    one, _, _ = with_duplicates(800)
    seen = calibration.neighbour_scores(one, count=50)
    thresholds = np.array([0.0, 0.1, 0.2, 0.3, 0.9], np.float32)
    found = calibration.false_pairs(seen.scores, seen.copy, thresholds)
    for threshold, value in zip(thresholds.tolist(), found):
        expected = np.mean(
            [
                slow_false(row, float(copy), threshold)
                for row, copy in zip(seen.scores, seen.copy)
            ]
        )
        assert value == pytest.approx(expected, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("d", [4, 8, 16])
def test_false_pairs_are_as_many_as_there_are(d):
    """Where there is no duplicate, whatever reaches a threshold is false."""
    one, _, _ = with_duplicates(4000, d, share=0)
    seen = calibration.neighbour_scores(one)
    counts = np.array([2.0, 0.5, 0.1])  # Pairs of an image.
    first, second = np.triu_indices(4000, 1)
    all_scores = np.sort(one.pair_scores(one, first, second))[::-1]
    places = (counts * 4000 / 2).astype(int)
    found = calibration.false_pairs(
        seen.scores, seen.copy, all_scores[places - 1]
    )
    assert np.all(found > counts / 2.5) and np.all(found < counts * 2.5)


@pytest.mark.parametrize("share", [0.005, 0.05, 0.4])
def test_precision_and_recall_are_as_expected(share):
    one, made, count = with_duplicates(share=share)
    seen = calibration.neighbour_scores(one)
    chosen = calibration.calibrate(made, seen)
    found = pairs_within(one, chosen.threshold)
    right = found.second == found.first + 4000 - count
    assert chosen.precision >= 0.99 and right.mean() > 0.97
    assert right.sum() / count == pytest.approx(chosen.recall, abs=0.15)
    pairs_of_an_image = 2 * count / 4000
    assert chosen.duplicates == pytest.approx(pairs_of_an_image, rel=0.4)


def test_the_lowest_threshold_that_reaches_the_goal():
    one, made, _ = with_duplicates(noise=0.12)
    seen = calibration.neighbour_scores(one)
    results = [
        calibration.calibrate(made, seen, precision)
        for precision in (0.5, 0.9, 0.99)
    ]
    for chosen in results:
        threshold, precision, recall = (
            chosen.curve[name].to_numpy()
            for name in ("threshold", "precision", "recall")
        )
        below = threshold < chosen.threshold
        goal = precision[~below][0]
        assert goal == pytest.approx(chosen.precision)
        assert np.all(precision[below] < chosen.precision)
        share = np.mean(made >= chosen.threshold)
        assert chosen.recall == pytest.approx(share)
        assert np.all(np.diff(recall) <= 0)
    assert np.all(np.diff([r.threshold for r in results]) > 0)


def test_fewer_duplicates_want_a_higher_threshold():
    one, made, _ = with_duplicates(noise=0.09)
    seen = calibration.neighbour_scores(one)
    results = [
        calibration.calibrate(made, seen, duplicates=d) for d in (1, 0.1, 0.01)
    ]
    assert [r.duplicates for r in results] == [1, 0.1, 0.01]
    assert np.all(np.diff([r.threshold for r in results]) > 0)


def test_where_no_duplicate_is_seen():
    one, made, _ = with_duplicates(share=0)
    seen = calibration.neighbour_scores(one)
    chosen = calibration.calibrate(made, seen)
    assert chosen.duplicates == pytest.approx(1 / 2000)
    assert len(pairs_within(one, chosen.threshold)) <= 2


def test_a_duplicate_of_just_the_threshold_is_found():
    """Exact copies all have one score, and it is the highest threshold."""
    one, _, _ = with_duplicates()
    seen = calibration.neighbour_scores(one)
    chosen = calibration.calibrate(np.full([20], 0.5), seen)
    assert chosen.recall == 1 and chosen.threshold < 0.5
    np.testing.assert_array_equal(chosen.curve["recall"], 1)


def test_groups_of_many_copies_do_not_count_as_others():
    """One picture in 50 copies moves no threshold."""
    rng = np.random.default_rng(1)
    one, _, _ = with_duplicates()
    copies = near(np.repeat(one.rows[:1], 50, axis=0), 0.03, rng)
    rows = np.concatenate([one.rows, copies.astype(np.float16)])
    background = scores.background_of(rows)
    more = scores.scored(rows, background)
    sample = np.arange(300)
    ours = near(rows[sample], 0.06, rng).astype(np.float16)
    made = more.pair_scores(scores.scored(ours, background), sample, sample)
    seen = calibration.neighbour_scores(more, count=len(more))
    chosen = calibration.calibrate(made, seen)
    assert 49 / 4050 <= chosen.crowded <= 52 / 4050
    plain = calibration.calibrate(
        made, calibration.neighbour_scores(one, count=len(one))
    )
    assert chosen.threshold == pytest.approx(plain.threshold, abs=0.02)
    # And the copies are found.
    found = pairs_within(more, chosen.threshold)
    assert np.sum(found.first >= 4000) > 0.9 * 50 * 49 / 2


def test_bad_input():
    one, made, _ = with_duplicates(300)
    seen = calibration.neighbour_scores(one)
    for precision in (0, 1, 1.5):
        with pytest.raises(ValueError, match=f"precision is {precision}"):
            calibration.calibrate(made, seen, precision)
    for bad in ([], [0.5, np.nan]):
        with pytest.raises(ValueError, match="missing or not finite"):
            calibration.calibrate(bad, seen)
    with pytest.raises(ValueError, match="cannot tell duplicates"):
        calibration.calibrate(np.full([9], -1.0), seen)
    with pytest.raises(
        ValueError, match="No threshold has an expected precision of 0"
    ):
        calibration.calibrate(seen.scores[:, 4], seen)
    few = scores.Scored(one.rows[:40], one.levels[:40])
    with pytest.raises(ValueError, match="40 images are too few"):
        calibration.neighbour_scores(few)
    assert isinstance(calibration.neighbour_scores(one, few), Neighbours)
