import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from simclr.explore.clusters import choose, whiten
from simclr.explore.clusters.rand_index import adjusted_rand, contingency
from simclr.messages.errors import InputError
from tests.test_clusters_kmeans import parts


def literal_adjusted_rand(one, other):
    """From all pairs of rows: those that are together in one, other, both."""
    pairs = list(itertools.combinations(range(len(one)), 2))
    a = sum(one[i] == one[j] for i, j in pairs)
    b = sum(other[i] == other[j] for i, j in pairs)
    both = sum(one[i] == one[j] and other[i] == other[j] for i, j in pairs)
    expected = a * b / len(pairs)
    return (both - expected) / ((a + b) / 2 - expected)


@pytest.mark.parametrize("seed", range(5))
def test_adjusted_rand_counts_pairs(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(-2, 4, 60), rng.integers(10, 13 + seed, 60)
    other[:30] = one[:30] + 20
    found = adjusted_rand(one, other)
    assert found == pytest.approx(literal_adjusted_rand(one, other))
    assert found == pytest.approx(adjusted_rand_score(one, other))
    assert found == adjusted_rand(other, one)


def test_equal_partitions_are_1_and_random_ones_0():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 4000)
    assert adjusted_rand(labels, 10 - labels) == 1
    assert abs(adjusted_rand(labels, rng.permutation(labels))) < 0.01
    assert adjusted_rand(np.zeros(5, int), np.zeros(5, int)) == 1
    assert adjusted_rand(np.arange(5), np.arange(5)) == 1
    assert adjusted_rand(np.arange(5), np.zeros(5, int)) == 0


def test_ten_million_rows_do_not_overflow(monkeypatch):
    # Counts as of 10^7 rows in two clusters each: 90 % and 10 % agree.
    from simclr.explore.clusters import rand_index

    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    counts = np.array([9, 1, 1, 9])
    small = rand_index.adjusted_rand(*np.repeat(pairs, counts * 50, axis=0).T)
    large = counts * 500_000
    monkeypatch.setattr(rand_index, "contingency", lambda *_: (pairs, large))
    rows = np.broadcast_to(0, [large.sum()])
    assert rand_index.adjusted_rand(rows, rows) == pytest.approx(
        small, abs=2e-3
    )


def test_contingency_leaves_out_what_is_never_shared():
    pairs, counts = contingency([5, 5, -1, 5], [2, 2, 9, 0])
    np.testing.assert_array_equal(pairs, [[-1, 9], [5, 0], [5, 2]])
    np.testing.assert_array_equal(counts, [1, 1, 2])


def test_the_ladder_goes_to_the_square_root():
    ks = choose.ladder(10_000)
    assert ks[:15] == list(range(2, 17)) and ks[-1] == 100
    assert max(b / a for a, b in itertools.pairwise(ks)) <= 2
    assert choose.ladder(10_000, most=4) == [2, 3, 4]
    assert choose.ladder(9) == [2, 3]
    assert choose.ladder(100, least=5, most=5) == [5]


@pytest.mark.parametrize("k", [4, 11])
def test_the_number_of_parts_is_chosen(k):
    rows, _ = parts(2000, k, 24, noise=0.6)
    rows = whiten.fit(rows).apply(rows)
    found = choose.choose(rows, seed=0, ks=[2, 4, 7, 11, 17], seeds=3)
    assert found.k == k
    assert [one.k for one in found.stabilities] == sorted(
        {one.k for one in found.stabilities}
    )
    best = {one.k: one for one in found.stabilities}[k]
    assert best.mean > 0.95 and best.spread < 0.05


def test_groups_in_groups_are_layers():
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(3, 1, 24)) + rng.normal(size=(3, 4, 24))
    part = rng.integers(0, 12, 3000)
    rows = centres.reshape(12, 24)[part] + 0.4 * rng.normal(size=(3000, 24))
    found = choose.choose(
        rows.astype(np.float32), seed=0, ks=[2, 3, 6, 12, 24], seeds=3
    )
    assert found.layers == [3, 12]
    assert found.k == 12  # Both come out again: the larger one tells more.


def test_without_groups_nothing_comes_out_again():
    rows = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    found = choose.choose(whiten.unit(rows), seed=0, ks=[2, 5, 12], seeds=3)
    assert max(one.mean for one in found.stabilities) < 0.2


def stabilities(*rows):
    return [choose.Stability(*row) for row in rows]


def test_of_equals_the_larger():
    rows = stabilities((2, 0.9, 0.1), (4, 0.9, 0.1), (8, 0.88, 0.1))
    assert choose._best(rows).k == 4
    assert choose._best(rows[::2]).k == 2


def test_the_finest_of_those_about_as_stable():
    """Fashion-MNIST by the demo's encoder: two are surest, and say little."""
    rows = stabilities(
        (2, 0.99, 0), (6, 0.84, 0.08), (10, 0.9, 0.03), (13, 0.92, 0.01)
    )
    assert choose._best(rows).k == 13
    assert choose._best(rows[:3]).k == 10
    assert choose._best(rows[:2]).k == 2
    below = stabilities((2, 0.01, 0.05), (3, 0.0, 0.2), (4, 0.0, 0.043))
    assert choose._best(below).k == 4


def test_fits_that_agree_by_chance_are_not_the_best():
    """3,781 photos of clothing: two clusters agree in some pairs of fits."""
    rows = stabilities((2, 0.69, 0.26), (6, 0.63, 0.1), (14, 0.66, 0.03))
    assert choose._best(rows).k == 14
    assert choose.Choice(14, tuple(rows)).layers == [14]


def test_layers_are_the_peaks():
    means = [(2, 0.9), (3, 0.5), (5, 0.7), (8, 0.7), (12, 0.2), (18, 0.3)]
    rows = stabilities(*((k, mean, 0) for k, mean in means))
    assert choose.Choice(2, tuple(rows)).layers == [2, 8, 18]


def test_between_the_best_and_its_neighbours():
    assert choose._between([2, 8, 32], 8) == [4, 16]
    assert choose._between([2, 8, 32], 32) == [16]
    assert choose._between([2, 3, 4], 3) == []


def test_same_seed_same_choice():
    rows, _ = parts(500, noise=1.0)
    one, two = (choose.stability(rows, 6, seed=4, seeds=3) for _ in range(2))
    assert one == two != choose.stability(rows, 6, seed=5, seeds=3)


def test_of_many_rows_a_part_is_used(monkeypatch):
    monkeypatch.setattr(choose, "MOST_ROWS", 100)
    seen = []

    def stability(sample, k, **_):
        seen.append(len(sample))
        return choose.Stability(k, 1 / k, 0.0)

    monkeypatch.setattr(choose, "stability", stability)
    assert choose.choose(parts()[0], seed=0).k == 2
    assert set(seen) == {100}


def test_bad_input_is_explained():
    rows, _ = parts(30)
    for message, call in {
        "from 1 to 5": lambda: choose.ladder(30, least=1),
        "from 9 to 4": lambda: choose.ladder(30, least=9, most=4),
        "factor is 1": lambda: choose.ladder(30, factor=1),
        "no number": lambda: choose.choose(rows, seed=0, ks=[]),
        "k is 13; half of 30 rows, 6": lambda: choose.stability(
            rows, 13, seed=0
        ),
        "seeds is 1": lambda: choose.stability(rows, 3, seed=0, seeds=1),
        r"\[3\] and of \[2\]": lambda: adjusted_rand([1, 2, 3], [1, 2]),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
