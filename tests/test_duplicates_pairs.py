import faiss
import numpy as np
import pytest

from simclr.explore.clusters.whiten import unit
from simclr.explore.duplicates import cells, pairs, scores, tiles


def planted(n=900, d=24, parts=15, share=0.2, seed=0):
    """Unit rows in clusters, the last ones near-duplicates of others."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=[parts, d])
    rows = centres[rng.integers(parts, size=n)] + 0.7 * rng.normal(size=[n, d])
    count = int(n * share)
    source = rng.integers(n - count, size=count)
    rows[n - count :] = rows[source] + 0.1 * rng.normal(size=[count, d])
    rows = unit(rows.astype(np.float32)).astype(np.float16)
    return rows, source


def scored(rows, background=None):
    background = rows if background is None else background
    return scores.scored(rows, scores.background_of(background))


def slow_pairs(one, other, threshold):
    """dict of (i, j) -> score, one product at a time."""
    found = {}
    for i in range(len(one)):
        for j in range(len(other)):
            if one is other and j <= i:
                continue
            score = float(
                one.rows[i].astype(np.float64) @ other.rows[j].astype(float)
            )
            score -= (float(one.levels[i]) + float(other.levels[j])) / 2
            if score >= threshold:
                found[i, j] = score
    return found


def check(found, expected, threshold):
    """The same pairs, except for those at the threshold up to rounding."""
    ours = dict(
        zip(
            zip(found.first.tolist(), found.second.tolist()),
            found.score.tolist(),
        )
    )
    for pair in ours.keys() ^ expected.keys():
        score = ours.get(pair, expected.get(pair))
        assert score == pytest.approx(threshold, abs=1e-5)
    for pair in ours.keys() & expected.keys():
        assert ours[pair] == pytest.approx(expected[pair], abs=1e-5)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(tiles, "_QUERIES", 7)
    monkeypatch.setattr(tiles, "_CANDIDATES", 11)
    monkeypatch.setattr(pairs, "_BLOCK", 50)


@pytest.mark.parametrize("threshold", [-0.2, 0.1, 0.3, 2.0])
def test_exact_pairs(threshold, small_blocks):
    one = scored(planted(200)[0])
    found = pairs.pairs_within(one, threshold)
    check(found, slow_pairs(one, one, threshold), threshold)
    order = np.lexsort([found.second, found.first])
    np.testing.assert_array_equal(order, np.arange(len(found)))


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_exact_pairs_between_two_sets(threshold, small_blocks):
    rows = planted(200)[0]
    one, other = scored(rows[:80], rows), scored(rows[80:], rows)
    found = pairs.pairs_between(one, other, threshold)
    check(found, slow_pairs(one, other, threshold), threshold)


def test_blocks_do_not_change_the_result(monkeypatch):
    one = scored(planted()[0])
    expected = pairs.pairs_within(one, 0.2)
    test = [(tiles, "_QUERIES"), (tiles, "_CANDIDATES"), (pairs, "_BLOCK")]
    for module, name in test:
        monkeypatch.setattr(module, name, 64)
    found = pairs.pairs_within(one, 0.2)
    assert len(expected) > 100
    for name in ("first", "second", "score"):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(expected, name)
        )


def test_cells_find_nearly_all_pairs():
    rows, source = planted(6000, 32, parts=40, share=0.1)
    one = scored(rows)
    exact = pairs.pairs_within(one, 0.15, exact=True)
    found = pairs.pairs_within(one, 0.15, exact=False)
    keys, exact_keys = (
        set(zip(x.first.tolist(), x.second.tolist())) for x in (found, exact)
    )
    assert keys <= exact_keys and len(keys) >= 0.99 * len(exact_keys)
    copies = zip(source.tolist(), range(5400, 6000))
    assert len(keys.intersection(copies)) > 590


def test_cells_find_nearly_all_pairs_between_two_sets():
    rows, _ = planted(6000, 32, parts=40, share=0.1)
    one, other = scored(rows[4000:], rows), scored(rows[:4000], rows)
    for a, b in (one, other), (other, one):
        exact = pairs.pairs_between(a, b, 0.15, exact=True)
        found = pairs.pairs_between(a, b, 0.15, exact=False)
        missing = set(zip(exact.first, exact.second)) - set(
            zip(found.first, found.second)
        )
        assert len(exact) > 400 and len(missing) <= 0.01 * len(exact)


def share_a_cell(own, other):
    """bool [n, m]: one of the two is at home where the other is."""
    homes, all_cells = [], []
    for found in (own, other):
        count = sum(map(len, found.home))
        home = np.zeros([count, len(found.home)], bool)
        for cell, rows in enumerate(found.home):
            home[rows, cell] = True
        both = home.copy()
        for cell, rows in enumerate(found.guests):
            both[rows, cell] = True
        homes.append(home.astype(int))
        all_cells.append(both.astype(int))
    forth = homes[0] @ all_cells[1].T
    return (forth + all_cells[0] @ homes[1].T) > 0


def test_cells_find_the_pairs_that_share_one(monkeypatch):
    monkeypatch.setattr(scores, "EXACT", 300)
    rows, _ = planted(800, 32)
    background = scores.background_of(rows)
    one, other = (scores.scored(x, background) for x in (rows, rows[500:]))
    for found, second in (
        (pairs.pairs_within(one, -0.3, exact=False), one),
        (pairs.pairs_between(one, other, -0.3, exact=False), other),
        (pairs.pairs_between(other, one, -0.3, exact=False), None),
    ):
        first = one if second is not None else other
        second = one if second is None else second
        i, j = np.nonzero(share_a_cell(first.cells, second.cells))
        wanted = first.pair_scores(second, i, j) >= -0.3
        if first is second:
            wanted &= i < j
        assert 100 < wanted.sum() < 0.9 * len(first) * len(second) / 2
        np.testing.assert_array_equal(found.first, i[wanted])
        np.testing.assert_array_equal(found.second, j[wanted])


def test_no_pair_is_below_the_threshold_by_rounding():
    one = scored(planted(300)[0])
    score = pairs.pairs_within(one, 0.2).score
    for threshold in score[:20] + np.float32(3e-6):
        assert pairs.pairs_within(one, threshold).score.min() >= threshold


def test_cells_of_levels_are_used_again(monkeypatch):
    monkeypatch.setattr(scores, "EXACT", 1000)
    rows, _ = planted(3000, 32, share=0.1)
    background = scores.background_of(rows)
    one = scores.scored(rows, background)
    expected = pairs.pairs_within(one, 0.15, exact=False)
    monkeypatch.setattr(pairs, "centres_of", None)
    found = pairs.pairs_within(one, 0.15, exact=False)
    np.testing.assert_array_equal(found.second, expected.second)
    part = scores.scored(rows[2500:], background)
    assert len(pairs.pairs_between(part, one, 0.15, exact=False)) > 200


def test_small_sets_are_exact_and_large_ones_are_not(monkeypatch):
    one = scored(planted(600)[0])
    monkeypatch.setattr(pairs, "EXACT", 600)
    monkeypatch.setattr(pairs, "_in_cells", None)
    pairs.pairs_within(one, 0.2)
    monkeypatch.setattr(pairs, "EXACT", 599)
    with pytest.raises(TypeError):
        pairs.pairs_within(one, 0.2)


def test_every_row_has_one_home_and_some_cells_as_guest():
    rows, _ = planted(2000)
    found = cells.cells_of(rows, cells.centres_of(rows))
    home = np.concatenate(found.home)
    np.testing.assert_array_equal(np.sort(home), np.arange(2000))
    guests = np.bincount(np.concatenate(found.guests))
    np.testing.assert_array_equal(guests, cells.NEAREST - 1)
    for own, others in zip(found.home, found.guests):
        assert not np.intersect1d(own, others).size
    nearest = (rows.astype(np.float32) @ found.centres.T).argmax(axis=1)
    for cell, own in enumerate(found.home):
        np.testing.assert_array_equal(nearest[own], cell)


def test_same_seed_same_pairs_on_one_thread_and_two():
    one = scored(planted(6000, 32, parts=40)[0])
    before = faiss.omp_get_max_threads()
    found = []
    try:
        for threads in (1, 2, 2):
            faiss.omp_set_num_threads(threads)
            found.append(pairs.pairs_within(one, 0.15, exact=False))
    finally:
        faiss.omp_set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other.first, found[0].first)
        np.testing.assert_array_equal(other.second, found[0].second)
        np.testing.assert_array_equal(other.score, found[0].score)


def test_identical_rows():
    one = scored(np.tile(planted(2)[0][:1], [30, 1]))
    found = pairs.pairs_within(one, 0.5)
    assert len(found) == 30 * 29 // 2
    np.testing.assert_allclose(found.score, 1, atol=2e-3)


def test_few_rows():
    rows = planted(3)[0]
    assert len(pairs.pairs_within(scored(rows[:1]), -1)) == 0
    assert len(pairs.pairs_within(scored(rows), -9, exact=False)) == 3
    none = scored(rows[:0], rows)
    assert len(pairs.pairs_within(none, -9)) == 0
    assert len(pairs.pairs_between(none, scored(rows), -9)) == 0


def test_bad_input():
    one = scored(planted(100)[0])
    with pytest.raises(ValueError, match="threshold is nan"):
        pairs.pairs_within(one, np.nan)
    with pytest.raises(
        ValueError, match="More than 5 pairs reach the threshold -1:"
    ):
        pairs.pairs_within(one, -1.0, most=5)
    other = scored(planted(100, d=8)[0])
    with pytest.raises(ValueError, match="of 24 and of 8 dim"):
        pairs.pairs_between(one, other, 0.5)
