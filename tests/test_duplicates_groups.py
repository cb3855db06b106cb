import numpy as np
import pyarrow as pa
import pytest

from simclr.explore.duplicates import groups, keep, report
from simclr.explore.duplicates.pairs import Pairs


def pairs_of(*rows):
    """Pairs out of (first, second, score)."""
    first, second, score = zip(*rows) if rows else ([], [], [])
    return Pairs(
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(score, np.float32),
    )


def random_pairs(n, p, seed):
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(n, 1)
    chosen = np.sort(rng.choice(len(first), p, replace=False))
    score = rng.random(p, np.float32)
    order = rng.permutation(n)
    return Pairs(first[chosen], second[chosen], score), order


def slow_groups(pairs, order):
    """Leader groups by a loop over images and all images after them."""
    score = {}
    for i, j, value in zip(pairs.first, pairs.second, pairs.score):
        score[int(i), int(j)] = score[int(j), int(i)] = float(value)
    kept, value = {}, {}
    for leader in map(int, order):
        if leader in kept:
            continue
        kept[leader], value[leader] = leader, np.nan
        for other in map(int, order):
            if other not in kept and (leader, other) in score:
                kept[other], value[other] = leader, score[leader, other]
    n = range(len(order))
    return [kept[i] for i in n], [value[i] for i in n]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("p", [0, 5, 60, 400])
def test_groups_match_a_loop(seed, p):
    pairs, order = random_pairs(40, p, seed)
    found = groups.leader_groups(pairs, order)
    kept, score = slow_groups(pairs, order)
    np.testing.assert_array_equal(found.kept, kept)
    np.testing.assert_array_equal(found.score, np.float32(score))


@pytest.mark.parametrize("seed", range(4))
def test_members_are_within_the_threshold_of_the_kept_one(seed):
    pairs, order = random_pairs(60, 150, seed)
    found = groups.leader_groups(pairs, order)
    known = set(zip(pairs.first, pairs.second))
    place = np.argsort(order)
    for image, kept in enumerate(found.kept):
        assert found.kept[kept] == kept
        if image != kept:
            assert (min(image, kept), max(image, kept)) in known
            assert place[kept] < place[image]
    # Two that are kept are no duplicates of each other.
    leaders = set(np.flatnonzero(found.kept == np.arange(60)))
    assert not [p for p in known if set(p) <= leaders]


def test_no_chains():
    chain = pairs_of(*[(i, i + 1, 0.5) for i in range(9)])
    kept = groups.leader_groups(chain, np.arange(10)).kept
    np.testing.assert_array_equal(kept, [0, 0, 2, 2, 4, 4, 6, 6, 8, 8])


def test_the_order_decides_which_one_is_kept():
    star = pairs_of((0, 1, 0.5), (0, 2, 0.5), (1, 2, 0.5))
    for first in range(3):
        order = np.roll(np.arange(3), -first)
        kept = groups.leader_groups(star, order).kept
        np.testing.assert_array_equal(kept, [first] * 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_pairs_does_not_matter(seed):
    pairs, order = random_pairs(40, 200, seed)
    mixed = np.random.default_rng(seed).permutation(200)
    other = Pairs(pairs.first[mixed], pairs.second[mixed], pairs.score[mixed])
    one, two = (groups.leader_groups(x, order) for x in (pairs, other))
    np.testing.assert_array_equal(one.kept, two.kept)
    np.testing.assert_array_equal(one.score, two.score)


def test_new_images_join_the_groups_of_old_ones():
    """0 and 1 were kept yesterday; 3 is better than they are, but new."""
    new = pairs_of((0, 2, 0.7), (1, 3, 0.6), (2, 3, 0.9), (3, 4, 0.9))
    kept = groups.leader_groups(new, [0, 1, 3, 2, 4]).kept
    np.testing.assert_array_equal(kept, [0, 1, 0, 1, 4])


def test_bad_orders_and_pairs():
    with pytest.raises(ValueError, match="not each of 3 images once"):
        groups.leader_groups(pairs_of(), [0, 0, 2])
    with pytest.raises(ValueError, match="not one of 3"):
        groups.leader_groups(pairs_of((0, 3, 0.5)), [0, 1, 2])


def test_keep_order():
    images = {
        "id": ["b", "a", "small", "sharp", "old", "unknown", "no time"],
        "width": [40, 40, 20, 20, 40, None, 40],
        "height": [20, 20, 20, 40, 20, 900, 20],
        "sharpness": [5.0, 5.0, 9.0, 7.0, 5.0, 99.0, 5.0],
        "time": [30, 30, 1, 40, 20, 1, None],
    }
    order = keep.keep_order(images)
    names = [images["id"][i] for i in order]
    assert names == ["sharp", "old", "a", "b", "no time", "small", "unknown"]
    table = pa.table(images).cast(
        pa.schema(
            {
                "id": pa.string(),
                "width": pa.int32(),
                "height": pa.int32(),
                "sharpness": pa.float32(),
                "time": pa.int64(),
            }
        )
    )
    np.testing.assert_array_equal(keep.keep_order(table), order)


def test_keep_order_where_nothing_is_known():
    unknown = [None] * 3
    order = keep.keep_order(
        {
            "id": ["c", "a", "b"],
            "width": unknown,
            "height": unknown,
            "sharpness": unknown,
            "time": unknown,
        }
    )
    np.testing.assert_array_equal(order, [1, 2, 0])


def test_table_of_groups():
    pairs = pairs_of((0, 1, 0.5), (0, 3, 0.75), (2, 4, 0.25))
    found = groups.leader_groups(pairs, [4, 0, 1, 2, 3, 5])
    table = report.groups_table(list("abcdef"), found)
    assert table.to_pylist() == [
        {"group": "a", "id": "a", "kept": True, "score": None},
        {"group": "a", "id": "d", "kept": False, "score": 0.75},
        {"group": "a", "id": "b", "kept": False, "score": 0.5},
        {"group": "e", "id": "e", "kept": True, "score": None},
        {"group": "e", "id": "c", "kept": False, "score": 0.25},
    ]
    none = groups.leader_groups(pairs_of(), np.arange(3))
    assert report.groups_table(pa.array(list("abc")), none).num_rows == 0


def test_table_of_pairs_between_sets():
    pairs = pairs_of((0, 1, 0.25), (1, 0, 0.75))
    table = report.pairs_table(["test0", "test1"], pairs, ["train0", "train1"])
    assert table.to_pylist() == [
        {"id": "test1", "other": "train0", "score": 0.75},
        {"id": "test0", "other": "train1", "score": 0.25},
    ]


def test_doubtful_pairs_lie_on_both_sides():
    pairs = pairs_of(*[(i, i + 1, i / 8) for i in range(8)])
    ids = [str(i) for i in range(9)]
    table = report.doubtful_table(ids, pairs, 0.5, count=2)
    assert table["id"].to_pylist() == ["5", "4", "3", "2"]
    assert table["duplicate"].to_pylist() == [True, True, False, False]
    low = report.doubtful_table(ids, pairs, -1.0, count=2)
    assert low["id"].to_pylist() == ["1", "0"]
    assert report.doubtful_table(ids, pairs_of(), 0.5).num_rows == 0
