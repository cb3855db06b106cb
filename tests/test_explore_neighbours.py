"""Nearest neighbours: exact, by index, and the one entry to both."""

import lance
import numpy as np
import pyarrow as pa
import pytest

from simclr.explore.neighbours import exact, index, nearest
from simclr.messages.errors import InputError

F = 32


def made_rows(count, seed=0, f=F):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(50, f))
    rows = centres[rng.integers(50, size=count)]
    return (rows + rng.normal(size=rows.shape)).astype(np.float16)


def blocks_of(rows, size):
    def blocks():
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    return blocks


def literal(rows, queries, k):
    """Every cosine, one by one, in float64; ties by row."""
    rows, queries = rows.astype(float), queries.astype(float)
    found = []
    for query in queries:
        cosines = []
        for number, row in enumerate(rows):
            length = np.linalg.norm(row) * np.linalg.norm(query)
            cosine = row @ query / length if length else 0.0
            cosines.append((-cosine, number))
        found.append(sorted(cosines)[:k])
    found = np.array(found)
    return found[..., 1].astype(int), -found[..., 0]


@pytest.mark.parametrize("k", [1, 10, 500])
@pytest.mark.parametrize("size", [37, 300])
def test_exact_is_the_literal_search(monkeypatch, k, size):
    monkeypatch.setattr(exact, "_QUERIES", 3)
    monkeypatch.setattr(exact, "_ROWS", 64)
    rows, queries = made_rows(300), made_rows(7, seed=1) * 3
    rows[20] = 0
    row, similarity = exact.nearest(blocks_of(rows, size), queries, k)
    true, cosines = literal(rows, queries, k)
    assert row.dtype == np.int64 and similarity.dtype == np.float32
    np.testing.assert_array_equal(row, true)
    np.testing.assert_allclose(similarity, cosines, atol=2e-6)


def test_the_smaller_row_is_first_among_equals_of_any_block(monkeypatch):
    monkeypatch.setattr(exact, "_ROWS", 64)
    rows = made_rows(500)
    copies = np.sort(np.random.default_rng(3).choice(500, 40, replace=False))
    rows[copies] = rows[copies[0]]
    for size in (33, 100, 500):
        row, similarity = exact.nearest(
            blocks_of(rows, size), rows[copies[:2]], 30
        )
        np.testing.assert_array_equal(row, [copies[:30]] * 2)
        assert np.ptp(similarity) == 0


def test_exact_explains_bad_input():
    rows = made_rows(30)
    with pytest.raises(InputError, match="k is 0"):
        exact.nearest(blocks_of(rows, 9), rows[:2], 0)
    with pytest.raises(InputError, match="32 and of 31 dimensions"):
        exact.nearest(blocks_of(rows, 9), rows[:2, 1:], 3)
    rows[17, 3] = np.inf
    with pytest.raises(InputError, match="of features are not finite"):
        exact.nearest(blocks_of(rows, 9), rows[:2], 3)


def test_no_query_and_no_row():
    rows = made_rows(5)
    assert exact.nearest(blocks_of(rows, 2), rows[:0], 3)[0].shape == (0, 3)
    assert exact.nearest(blocks_of(rows[:0], 2), rows, 3)[0].shape == (5, 0)


def as_table(rows, start=0, null=()):
    missing = np.isin(np.arange(len(rows)) + start, null)
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(rows.ravel()), rows.shape[1], mask=pa.array(missing)
    )
    number = np.arange(start, start + len(rows))
    gone = pa.array(number % 10 == 3).cast(pa.int8())
    return pa.table({"number": number, "gone": gone, "vector": vectors})


ROWS = made_rows(4000)
NULL = 5, 1700  # The second one comes after the index.
DELETED = 8, 1509
QUERIES = np.concatenate([ROWS[[5, 8, 1700, 13]], made_rows(4, seed=1)])


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """1,500 rows with an index, then 500; some deleted, some without vector."""
    path = str(tmp_path_factory.mktemp("lance") / "images.lance")
    lance.write_dataset(as_table(ROWS[:1500], null=NULL), path)
    table = index.refresh(lance.dataset(path), "vector", partitions=20)
    lance.write_dataset(
        as_table(ROWS[1500:2000], 1500, NULL), path, mode="append"
    )
    table = lance.dataset(path)
    table.delete(f"number in {DELETED}")
    return lance.dataset(path)


def true_neighbours(table, queries, k, where=None):
    """Literal, by `number`, of rows that may come out."""
    rows = table.to_table(filter=where)
    rows = rows.filter(rows["vector"].is_valid())
    number = rows["number"].to_numpy()
    row, cosines = literal(ROWS[number], queries, k)
    return number[row], cosines


@pytest.mark.parametrize("most_exact", [0, 10**6])
@pytest.mark.parametrize("where", [None, "gone = 0"])
def test_both_ways_find_the_rows_that_are_there(indexed, most_exact, where):
    found = nearest.search(
        *(indexed, "vector", QUERIES, 5), where=where, most_exact=most_exact
    )
    assert found.way == ("exact" if most_exact else "index")
    assert f"{indexed.count_rows(where):,} rows" in found.why
    numbers = indexed.take(found.row.ravel(), columns=["number"])["number"]
    numbers = numbers.to_numpy().reshape(found.row.shape)
    true, cosines = true_neighbours(indexed, QUERIES, 5, where)
    assert not np.isin(numbers, [*NULL, *DELETED]).any()
    if where:
        assert not np.any(numbers % 10 == 3)
    if most_exact:
        np.testing.assert_array_equal(numbers, true)
    else:
        assert index.recall(numbers, true) >= 0.95
    np.testing.assert_allclose(found.similarity[:, 0], cosines[:, 0], atol=1e-5)
    assert np.all(np.diff(found.similarity, axis=1) <= 0)


def test_searching_an_index_twice_gives_the_same(indexed):
    one, two = (
        nearest.search(indexed, "vector", QUERIES, 20, most_exact=0)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.row, two.row)
    np.testing.assert_array_equal(one.similarity, two.similarity)


@pytest.mark.parametrize("most_exact", [0, 10**6])
def test_a_query_that_is_a_row_is_left_out(indexed, most_exact):
    own = np.array([0, 700, 1800])
    vectors = indexed.take(own, columns=["number"])["number"].to_numpy()
    found = nearest.search(
        *(indexed, "vector", ROWS[vectors], 4), own=own, most_exact=most_exact
    )
    assert found.row.shape == (3, 4)
    assert not np.any(found.row == own[:, None])
    assert np.all(found.similarity < 0.999)


@pytest.mark.parametrize("most_exact", [0, 10**6])
def test_more_neighbours_than_rows_are_all_rows(indexed, most_exact):
    found = nearest.search(
        *(indexed, "vector", QUERIES[:1], 9999),
        where="number < 20",
        most_exact=most_exact,
    )
    assert sorted(found.row[0]) == [*range(5), *range(6, 19)]


def test_recall_against_exact(indexed):
    drawn = [
        nearest.recall(indexed, "vector", seed=4, queries=20) for _ in range(2)
    ]
    assert drawn[0] == drawn[1] >= 0.98


def test_recall_counts_the_true_ones_found():
    true = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert index.recall(true[:, ::-1], true) == 1
    found = np.array([[1, 2, 9, 10], [8, 0, 0, 9]])
    assert index.recall(found, true) == 3 / 8


def test_without_an_index_many_rows_are_looked_at(tmp_path):
    path = str(tmp_path / "images.lance")
    lance.write_dataset(as_table(ROWS[:100]), path)
    found = nearest.search(
        lance.dataset(path), "vector", QUERIES, 3, most_exact=50
    )
    assert found.way == "exact" and "without an index" in found.why
    with pytest.raises(InputError, match="column vector has no index"):
        nearest.recall(lance.dataset(path), "vector", seed=0)


def test_refresh_leaves_nothing_out_and_few_segments(tmp_path):
    path = str(tmp_path / "images.lance")
    lance.write_dataset(as_table(ROWS[:1000]), path)
    table = index.refresh(lance.dataset(path), "vector", partitions=4)
    assert index.unindexed(table, "vector") == 0
    sizes = []
    for start in range(1000, 1700, 100):
        day = as_table(ROWS[start : start + 100], start)
        lance.write_dataset(day, path, mode="append")
        table = lance.dataset(path)
        assert index.unindexed(table, "vector") == 100
        table = index.refresh(table, "vector")
        assert index.unindexed(table, "vector") == 0
        facts = table.stats.index_stats("vector_idx")
        sizes.append(facts["num_indexed_rows_per_delta"])
    assert sizes[-1] == [1000, 400, 200, 100]
    again = index.refresh(table, "vector")
    assert again.version == table.version
    found = nearest.search(table, "vector", ROWS[1650:1655], 1, most_exact=0)
    np.testing.assert_array_equal(found.row[:, 0], range(1650, 1655))


def test_search_explains_bad_input(indexed):
    for message, changed in {
        "k is 0": {"k": 0},
        "no image": {"where": "number < 0"},
        "31 dimensions": {"queries": QUERIES[:, 1:]},
    }.items():
        setting = {"queries": QUERIES, "k": 3} | changed
        with pytest.raises(InputError, match=message):
            nearest.search(indexed, "vector", **setting)
