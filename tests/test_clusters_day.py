import math

import numpy as np
import pytest

from simclr.explore.clusters import (
    candidates,
    day,
    density,
    kmeans,
    radius,
    state,
    whiten,
)
from simclr.messages.errors import InputError

D = 24


def world(classes=9, noise=0.6, seed=0):
    """A function of class numbers that draws whitened rows of them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, D))

    def raw(part):
        return centres[part] + noise * rng.normal(size=(len(part), D))

    whitening = whiten.fit(raw(rng.integers(0, 5, 2000)))
    return lambda part: whitening.apply(raw(np.asarray(part)))


def known(draw, classes=5, rows=2000):
    """Clusters of the first classes, and the rows that they are of."""
    part = np.arange(rows) % classes
    fitted, held = draw(part), draw(part)
    centroids = kmeans.fit(fitted, classes, seed=0)
    cluster, distance = kmeans.nearest(held, centroids)
    radii = radius.fit(distance, cluster, classes)
    return state.begin(centroids, radii, "monday"), held


def one_day(clusters, rows, reference, seed=0, **options):
    return day.one_day(
        clusters, rows, reference, day="tuesday", seed=seed, **options
    )


def score(cluster, own):
    both = np.sum(cluster & own)
    return both / cluster.sum(), both / own.sum()


def literal_radii(distance, cluster, k, rate):
    """The shrunken quantiles, row by row as the docstring has them."""
    levels = [0.5, 0.9, 0.99, 1 - rate]
    scale = {}
    for c in range(k):
        own = distance[cluster == c]
        m, median = len(own), np.median(own) if len(own) else 0
        scale[c] = (m * median + 10 * np.median(distance)) / (m + 10)
    shape = np.array([d / scale[c] for d, c in zip(distance, cluster)])
    found = np.zeros([k, 4])
    for c in range(k):
        own = shape[cluster == c]
        for i, p in enumerate(levels):
            w = len(own) / (len(own) + 10 / (1 - p))
            r = np.quantile(own, p) if len(own) else 0
            found[c, i] = scale[c] * (w * r + (1 - w) * np.quantile(shape, p))
    return found


@pytest.mark.parametrize("empty", [(), (0,), (2, 5), (4, 5)])
def test_radii_are_shrunken_quantiles(empty):
    rng = np.random.default_rng(0)
    cluster = rng.choice([c for c in range(6) if c not in empty], 400)
    distance = rng.gamma(9.0, size=400) * (1 + cluster)
    found = radius.fit(distance, cluster, 6, false_alarms=0.05)
    expected = literal_radii(distance, cluster, 6, 0.05)
    np.testing.assert_allclose(found.quantiles, expected[:, :3], rtol=1e-5)
    np.testing.assert_allclose(found.thresholds, expected[:, 3], rtol=1e-5)


def test_false_alarms_are_as_many_as_asked_for():
    rng = np.random.default_rng(0)
    size = np.repeat(np.arange(60), np.geomspace(4, 4000, 60).astype(int))

    def distances():
        return rng.gamma(60.0, size=len(size)) * (1 + size % 3)

    for rate in (0.01, 0.1):
        found = radius.fit(distances(), size, 60, false_alarms=rate)
        novel = radius.novelty(distances(), size, found.thresholds) > 1
        assert novel.mean() == pytest.approx(rate, rel=0.15)
        # Few rows do not decide: alone, four would have 20 % beyond.
        assert novel[size < 20].mean() < 3 * rate


def test_clusters_of_other_rows_tell_the_shape():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(8), 2000)
    of_all = radius.fit(rng.gamma(60.0, size=16_000), cluster, 8)
    few = rng.gamma(60.0, size=30) * 2
    found = radius.fit(few, np.zeros(30, int), 1, known=of_all)
    later = rng.gamma(60.0, size=5000) * 2
    assert 0.001 < np.mean(later > found.thresholds[0]) < 0.1


def test_equal_rows_have_a_threshold():
    found = radius.fit(np.zeros(20), np.arange(20) % 2, 2)
    novelty = radius.novelty([0, 1], [0, 1], found.thresholds)
    assert novelty[0] == 0 and 1 < novelty[1] < np.inf


def test_held_out_rows_lie_farther_from_a_mean():
    rng = np.random.default_rng(0)
    inside, outside = [], []
    for _ in range(300):
        rows, other = rng.normal(size=(2, 6, 8))
        mean = rows.mean(axis=0)
        inside.append(np.linalg.norm(rows - mean, axis=1))
        outside.append(np.linalg.norm(other - mean, axis=1))
    found = radius.held_out(np.ravel(inside), np.repeat(np.arange(300), 6))
    assert np.mean(found**2) == pytest.approx(np.mean(np.square(outside)), 0.05)
    assert np.mean(np.square(inside)) < 0.8 * np.mean(np.square(outside))


@pytest.mark.parametrize("noise, count", [(0.4, 60), (0.4, 300), (0.9, 300)])
def test_a_new_class_is_one_cluster_within_a_day(noise, count):
    draw = world(noise=noise)
    clusters, reference = known(draw)
    part = np.concatenate([np.arange(900) % 5, np.full(count, 7)])
    found = one_day(clusters, draw(part), reference)
    assert found.born == (5,)
    precision, recall = score(found.cluster == 5, part == 7)
    assert precision >= 0.9 and recall >= 0.8


def test_a_new_class_inside_a_known_radius_is_found():
    # Known rows lie at 1 from their centroid, those of a compact class at 0.9:
    # none is novel, but they lie where hardly any known row does.
    rng = np.random.default_rng(0)
    rows = 0.2 * rng.normal(size=(4000, D)).astype(np.float32)
    rows[2000:, 1] += 3
    centroids = np.array([[0] * D, [0, 3] + [0] * (D - 2)], np.float32)
    cluster, distance = kmeans.nearest(rows, centroids)
    clusters = state.begin(
        centroids, radius.fit(distance, cluster, 2), "monday"
    )
    new = 0.05 * rng.normal(size=(150, D)).astype(np.float32)
    new[:, 0] += 0.9
    today = np.concatenate([rows[::5] + 1e-3, new])
    found = one_day(clusters, today, rows[1::2])
    assert np.mean(found.novelty[-150:] > 1) < 0.01
    assert found.born == (2,)
    precision, recall = score(found.cluster == 2, np.arange(len(today)) >= 800)
    assert precision >= 0.9 and recall >= 0.8


def test_two_new_classes_are_two_clusters():
    draw = world()
    clusters, reference = known(draw)
    part = np.concatenate([np.arange(900) % 5, [7] * 200, [8] * 100])
    found = one_day(clusters, draw(part), reference)
    assert found.born == (5, 6)
    for born, new in ((5, 7), (6, 8)):  # The larger one first.
        assert min(score(found.cluster == born, part == new)) > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_known_classes_in_other_shares_are_not_new(seed):
    draw = world(noise=0.9, seed=seed)
    clusters, reference = known(draw)
    part = np.random.default_rng(seed).choice(5, 1200, p=[0.8, 0.1, 0.1, 0, 0])
    assert one_day(clusters, draw(part), reference, seed=seed).born == ()


def test_the_day_after_a_birth_nothing_is_born():
    draw = world()
    clusters, reference = known(draw)
    part = np.concatenate([np.arange(900) % 5, np.full(100, 7)])
    rows = draw(part)
    first = one_day(clusters, rows, reference)
    part = np.concatenate([np.arange(900) % 5, np.full(400, 7)])
    both = np.concatenate([reference, rows])
    second = one_day(first.clusters, draw(part), both)
    assert second.born == ()
    assert min(score(second.cluster == 5, part == 7)) > 0.9
    assert np.mean(second.novelty[part == 7] > 1) < 0.1


def test_old_clusters_stay_and_each_row_has_its_nearest():
    draw = world(noise=0.9)
    clusters, reference = known(draw)
    part = np.concatenate([np.arange(900) % 5, np.full(200, 7)])
    rows = draw(part).astype(np.float16)
    found = one_day(clusters, rows, reference)
    after = found.clusters
    np.testing.assert_array_equal(after.ids, range(6))
    for name in ("centroids", "radii", "thresholds"):
        before = getattr(clusters, name)
        np.testing.assert_array_equal(getattr(after, name)[:5], before)
    assert after.born == ["monday"] * 5 + ["tuesday"]
    cluster, distance = kmeans.nearest(rows, after.centroids)
    np.testing.assert_array_equal(found.cluster, after.ids[cluster])
    np.testing.assert_allclose(found.distance, distance, rtol=1e-6)
    again = one_day(clusters, rows, reference)
    np.testing.assert_array_equal(again.cluster, found.cluster)


@pytest.mark.parametrize("count", [0, 1, 3, 25])
def test_a_day_of_few_rows(count):
    draw = world()
    clusters, reference = known(draw)
    found = one_day(clusters, draw(np.arange(count) % 5), reference)
    assert len(found.cluster) == count and found.born == ()


def test_least_rows_counts_new_rows():
    draw = world()
    clusters, reference = known(draw)
    rows = draw(np.concatenate([np.arange(500) % 5, np.full(30, 7)]))
    assert one_day(clusters, rows, reference, least_rows=20).born == (5,)
    assert one_day(clusters, rows, reference, least_rows=60).born == ()


def test_large_days_are_sampled(monkeypatch):
    monkeypatch.setattr(candidates, "_GROUPED", 64)
    monkeypatch.setattr(candidates, "_OF_DAY", 300)
    monkeypatch.setattr(candidates, "_OF_REFERENCE", 500)
    test_a_new_class_is_one_cluster_within_a_day(0.4, 300)


def literal_expected(taken, known_taken, here, before):
    mean, variance = np.zeros(taken.shape[1]), np.zeros(taken.shape[1])
    for j in range(taken.shape[1]):
        for c in range(len(here)):
            stays = here[c] - taken[c].sum() + 1
            stayed = before[c] - known_taken[c].sum() + 1
            mean[j] += stays * known_taken[c, j] / stayed
            variance[j] += (stays / stayed) ** 2 * known_taken[c, j]
    return mean, np.sqrt(mean + variance)


def test_rows_to_expect():
    rng = np.random.default_rng(0)
    taken, known_taken = rng.integers(0, 9, size=(2, 4, 3))
    here, before = rng.integers(30, 90, size=(2, 4))
    found = candidates.expected(taken, known_taken, here, before)
    wanted = literal_expected(taken, known_taken, here, before)
    np.testing.assert_allclose(found, wanted)


def literal_crowded(rows, row, reference, reference_row, counts, chance):
    """One row after another, with the binomial tail written out."""
    pool = np.concatenate([rows, reference]).astype(float)
    found = []
    for i, c in enumerate(row):
        order = np.argsort(((pool - pool[i]) ** 2).sum(axis=1))
        order = [j for j in order if j != i]
        here = np.sum(row == c)
        p = here / (here + np.sum(reference_row == c))
        tails = []
        for m in counts:
            seen = sum(j < len(rows) for j in order[:m])
            tails.append(
                sum(
                    math.comb(m, x) * p**x * (1 - p) ** (m - x)
                    for x in range(seen, m + 1)
                )
            )
        found.append(min(tails) < chance)
    return np.array(found)


def test_crowded_by_rows_of_the_day():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(900, 4)).astype(np.float32)
    rows = rng.normal(size=(300, 4)).astype(np.float32)
    rows[:40] = 0.3 * rows[:40] + 1
    row, reference_row = np.int32(rows[:, 0] > 0), np.int32(reference[:, 0] > 0)
    where = candidates.crowded(rows, row, reference, reference_row, 2)
    assert where[:40].mean() > 0.5 and where[40:].mean() < 0.1
    expected = literal_crowded(
        rows, row, reference, reference_row, (10, 20, 40), 0.005
    )
    np.testing.assert_array_equal(where, expected)


def test_a_candidate_stands_if_its_rows_are_not_expected():
    def at(place, count):
        return np.tile(np.float32([[place, 0]]), [count, 1])

    def stands(of_known, least_rows=5, least_new=0.5):
        def known(rows):
            distance = np.linalg.norm(rows, axis=1)
            return rows, np.zeros(len(rows), np.int64), distance

        day_rows = known(np.concatenate([at(0, 100), at(1, 30)]))
        before = known(np.concatenate([at(0, 100), at(1, of_known)]))
        left = candidates._standing(
            day_rows, day_rows, before, at(1, 1), 1, least_rows, least_new
        )
        return len(left) == 1

    # As many are expected as were known, with a deviation of sqrt(2 of them).
    assert stands(5) and stands(5, least_rows=25)
    assert not stands(5, least_rows=26)
    assert stands(9) and not stands(12)  # 21 > 4 x 4.2, and 18 < 4 x 4.9.
    assert stands(5, least_new=0.8) and not stands(5, least_new=0.9)


def test_groups_are_dense_places():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 16)).astype(np.float32)
    rows[:60] = 0.1 * rows[:60] + 4
    rows[60:100] = 0.1 * rows[60:100] - 4
    found = list(candidates.groups(rows, 0.45, 0.8, 20))
    # The means of most of their rows: those within 0.45 of it.
    np.testing.assert_allclose(found[0], rows[:60].mean(axis=0), atol=0.04)
    np.testing.assert_allclose(found[1], rows[60:100].mean(axis=0), atol=0.04)
    assert len(found) == 2


def test_groups_that_one_window_holds_are_told_apart():
    rng = np.random.default_rng(0)
    rows = 0.1 * rng.normal(size=(100, 16)).astype(np.float32)
    rows[50:, 0] += 0.8
    assert len(list(candidates.groups(rows, 0.45, 0.8, 20))) == 2
    assert len(list(candidates.groups(rows, 0.8, 0.8, 20))) == 1


def test_hdbscan_finds_dense_places_and_noise():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-9, 9, size=(400, 3)).astype(np.float32)
    rows[:150] = 0.2 * rng.normal(size=(150, 3))
    rows[150:250] = 5 + 0.2 * rng.normal(size=(100, 3))
    label, centroids = density.fit(rows, least_rows=40)
    assert centroids.shape == (2, 3) and label.dtype == np.int32
    assert len(set(label[:150])) == 1 and len(set(label[150:250])) == 1
    assert np.mean(label[250:] == -1) > 0.8
    means = [rows[label == i].mean(0) for i in range(2)]
    np.testing.assert_allclose(centroids, means, atol=1e-5)


def test_bad_input_is_explained():
    draw = world()
    clusters, reference = known(draw)
    rows = draw(np.arange(40) % 5)
    nan = np.where(np.arange(40)[:, None] == 3, np.nan, rows)
    none = state.Clusters(
        *(getattr(clusters, f)[:0] for f in list(vars(clusters))[:-1]), 0
    )
    for message, call in {
        "5 known clusters and 0 known": lambda: one_day(
            clusters, rows, reference[:0]
        ),
        "no nearest": lambda: one_day(none, rows, reference),
        "cluster of 1 rows": lambda: one_day(
            clusters, rows, reference, least_rows=1
        ),
        "alarms is 0": lambda: radius.fit([1.0], [0], 1, false_alarms=0),
        "0 distances": lambda: radius.fit([], [], 1),
        "1 distances are not of clusters 0 to 1": lambda: radius.fit(
            [1.0], [2], 2
        ),
        "least_rows is 1": lambda: density.fit(rows, least_rows=1),
        "40 rows: HDBSCAN takes 50": lambda: density.fit(rows),
        "not all finite": lambda: density.fit(nan, least_rows=5),
        "finds no cluster of 30": lambda: density.fit(rows, least_rows=30),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
