import numpy as np
import pytest

from simclr.explore.clusters.whiten import unit
from simclr.explore.duplicates import scores, vectors


def rows_of(n=300, d=16, seed=0):
    """Unit rows in 20 loose clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=[20, d])
    rows = centres[rng.integers(20, size=n)] + rng.normal(size=[n, d])
    return unit(rows.astype(np.float32)).astype(np.float16)


def slow_level(row, background):
    """The level of one row, as the module's first lines say it."""
    similarity = [
        float(np.dot(row.astype(np.float64), other.astype(np.float64)))
        for other in background
    ]
    others = sorted((s for s in similarity if s < 0.9), reverse=True)
    if not others:
        return 0.0
    return float(np.mean(others[10:20] or others[-1:]))


def slow_score(one, other, level, other_level):
    product = np.dot(one.astype(np.float64), other.astype(np.float64))
    return product - (level + other_level) / 2


def test_levels_match_the_definition():
    rows = rows_of()
    one = scores.scored(rows, scores.background_of(rows))
    expected = [slow_level(row, rows) for row in rows]
    np.testing.assert_allclose(one.levels, expected, atol=1e-5)


def test_levels_of_rows_outside_the_background():
    rows, others = rows_of(), rows_of(40, seed=1)
    one = scores.scored(others, scores.background_of(rows))
    expected = [slow_level(row, rows) for row in others]
    np.testing.assert_allclose(one.levels, expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 9, 11, 15, 21])
def test_small_backgrounds(count):
    rows = rows_of(count)
    one = scores.scored(rows, scores.background_of(rows))
    expected = [slow_level(row, rows) for row in rows]
    np.testing.assert_allclose(one.levels, expected, atol=1e-5)


def test_copies_do_not_move_levels():
    """However many copies there are, the others say what is usual."""
    rows = rows_of()
    before = scores.scored(rows, scores.background_of(rows)).levels
    copies = np.concatenate([rows, np.repeat(rows[:1], 100, axis=0)])
    after = scores.scored(copies, scores.background_of(copies)).levels
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert np.ptp(after[300:]) == 0


def test_nine_hard_duplicates_hardly_move_levels():
    rows = rows_of(2000, 64)
    before = scores.scored(rows, scores.background_of(rows)).levels
    noise = np.random.default_rng(1).normal(size=[9, 64]) * 0.08
    hard = unit((rows[:1] + noise).astype(np.float32)).astype(np.float16)
    assert (hard @ rows[0] < 0.9).all()
    more = np.concatenate([rows, hard])
    after = scores.scored(more, scores.background_of(more)).levels
    assert after[0] - before[0] < 0.1 < (hard @ rows[0]).min() - before[0]


def test_scores_match_the_definition_and_are_symmetric():
    rows, others = rows_of(50), rows_of(30, seed=1)
    background = scores.background_of(rows)
    one, other = (scores.scored(x, background) for x in (rows, others))
    i, j = (x.ravel() for x in np.indices([50, 30]))
    found = one.pair_scores(other, i, j)
    expected = [
        slow_score(rows[a], others[b], one.levels[a], other.levels[b])
        for a, b in zip(i, j)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(other.pair_scores(one, j, i), found)
    products = one.queries(slice(None)) @ other.candidates(slice(None)).T
    np.testing.assert_allclose(products.ravel(), found, atol=1e-5)
    some = one.queries([3, 5]) @ other.candidates(np.arange(4)).T
    np.testing.assert_allclose(some, products[[3, 5], :4], atol=1e-6)


def test_one_threshold_holds_in_dense_and_in_sparse_places():
    """Similarities of duplicates in one place are those of others elsewhere."""
    rng = np.random.default_rng(0)
    dense = rng.normal(size=[1, 128]) + 0.7 * rng.normal(size=[150, 128])
    rows = np.concatenate([dense, rng.normal(size=[150, 128])])
    noise = np.repeat([0.2, 0.8], 150)[:, None] * rng.normal(size=[300, 128])
    rows = unit(np.concatenate([rows, rows + noise]).astype(np.float32))
    one = scores.scored(
        rows.astype(np.float16), scores.background_of(rows.astype(np.float16))
    )
    first, second = np.triu_indices(600, 1)
    copy = second == first + 300
    score = one.pair_scores(one, first, second)
    product = (rows[first] * rows[second]).sum(axis=1)
    assert product[copy].min() < product[~copy].max()
    assert score[copy].min() > score[~copy].max()


def test_levels_from_cells_are_nearly_those_from_all(monkeypatch):
    rows = rows_of(3000)
    exact = scores.scored(rows, scores.background_of(rows))
    monkeypatch.setattr(scores, "EXACT", 1000)
    background = scores.background_of(rows)
    near = scores.scored(rows, background)
    assert exact.cells is None and near.cells is background.cells
    # Of rows of their own the cells are found anew, and are the same.
    again = scores.scored(rows.copy(), background)
    np.testing.assert_array_equal(again.levels, near.levels)
    error = np.abs(near.levels - exact.levels)
    assert error.mean() < 0.02 and np.quantile(error, 0.99) < 0.15


def test_background_is_a_seeded_sample():
    rows = rows_of()
    one, again, other = (
        scores.background_of(rows, count=100, seed=seed) for seed in (0, 0, 1)
    )
    assert one.rows.shape == (100, 16)
    np.testing.assert_array_equal(one.rows, again.rows)
    assert np.any(one.rows != other.rows)
    assert scores.background_of(rows).rows is rows


def test_whitened_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=[200, 12]) * np.geomspace(1, 100, 12) + 5
    whitening = vectors.fit_whitening(rows, 8)
    blocks = [rows[:70], rows[70:71], rows[71:]]
    found = vectors.whitened_rows(lambda: iter(blocks), 200, whitening)
    assert found.dtype == np.float16 and found.shape == (200, 8)
    np.testing.assert_allclose(found, whitening.apply(rows), atol=1e-3)
    for count, words in (199, "More than the announced 199"), (201, "200 rows"):
        with pytest.raises(ValueError, match=words):
            vectors.whitened_rows(lambda: iter(blocks), count, whitening)


def test_whitening_is_full():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=[5000, 6]) * [100, 30, 10, 3, 1, 1]
    whitening = vectors.fit_whitening(rows)
    deviation = ((rows - whitening.mean) @ whitening.axes).std(axis=0)
    np.testing.assert_allclose(deviation, 1, atol=0.01)


def test_bad_background():
    rows = rows_of()
    with pytest.raises(ValueError, match=r"\[300, 8\] does not go"):
        scores.scored(rows, scores.background_of(rows[:, :8]))
    with pytest.raises(ValueError, match=r"\[0, 16\] does not go"):
        scores.scored(rows, scores.background_of(rows[:0]))
