import itertools

import numpy as np
import pytest

from simclr.explore.clusters import lasting, radius, state
from simclr.messages.errors import InputError


def match(old, new, **options):
    old, new = np.asarray(old), np.asarray(new)
    ids = np.unique(old[old >= 0])
    options = {
        "ids": ids,
        "k": int(new.max(initial=-1)) + 1,
        "next_id": int(ids.max(initial=-1)) + 1,
    } | options
    return lasting.match(old, new, **options)


def literal_match(old, new, least):
    """Of all one-to-one pairings above the threshold: the most rows kept."""
    olds, news = (sorted(set(x[x >= 0].tolist())) for x in (old, new))
    good = {}
    for a, b in itertools.product(olds, news):
        both = np.sum((old == a) & (new == b))
        either = np.sum((old == a) | (new == b))
        if both and both / either >= least:
            good[a, b] = int(both)

    def keeping(pairs, left):
        if not left:
            return sum(good[pair] for pair in pairs)
        (a, b), *rest = left
        best = keeping(pairs, rest)
        if all(a != x and b != y for x, y in pairs):
            best = max(best, keeping([*pairs, (a, b)], rest))
        return best

    return keeping([], list(good))


def random_labels(seed, n=200):
    """Old ids with gaps and -1, and labels made of them by chance."""
    rng = np.random.default_rng(seed)
    old = rng.choice([-1, 0, 2, 3, 7, 11], n)
    new = np.array([0, 1, 2, 3, 4, 5])[
        np.searchsorted([-1, 0, 2, 3, 7, 11], old)
    ]
    for _ in range(rng.integers(0, 4)):  # Merge, split, and move some.
        kind, a, b = rng.integers(3), rng.integers(6), rng.integers(6)
        if kind == 0:
            new[new == a] = b
        else:
            new[(new == a) & (rng.random(n) < (0.5, 0.2)[kind - 1])] = b
    new[rng.random(n) < 0.1] = rng.integers(-1, 6)
    return old, new


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("least", [0.1, 0.3, 0.6])
def test_the_assignment_keeps_most_rows(seed, least):
    old, new = random_labels(seed)
    found = match(old, new, k=6, least=least)
    kept = sum(
        np.sum((old == i) & (new == label))
        for label, i in enumerate(found.ids)
        if i < 12
    )
    assert kept == literal_match(old, new, least)


@pytest.mark.parametrize("seed", range(40))
def test_an_id_changes_only_by_a_split_or_a_merge(seed):
    old, new = random_labels(seed)
    found = match(old, new, k=6)
    after = lasting.follow(old, new, found)
    said = {(a, b) for a, parts in found.splits for b in parts}
    said |= {(a, b) for olds, b in found.merges for a in olds}
    changed = {
        (a, b) for a, b in zip(old.tolist(), after.tolist()) if a not in (b, -1)
    }
    assert {pair for pair in changed if pair[1] != -1} <= said
    # To no cluster only from one that died.
    assert {a for a, b in changed if b == -1} <= set(found.died)
    assert set(after.tolist()) <= set(found.ids.tolist()) | {-1}
    # An id is of one cluster, and none comes back.
    assert len(set(found.ids.tolist())) == 6
    assert set(found.born) == {i for i in found.ids.tolist() if i >= 12}
    assert set(found.died) == {0, 2, 3, 7, 11} - set(found.ids.tolist())
    assert found.next_id == 12 + len(found.born)
    dead = {a for a, _ in found.splits} | {
        a for olds, _ in found.merges for a in olds
    }
    with_rows = set(old[new >= 0].tolist())
    assert set(found.died) & with_rows <= dead


def test_the_same_fit_in_another_order_keeps_all():
    old = np.repeat([4, 9, 6], [30, 20, 10])
    new = np.repeat([2, 0, 1], [30, 20, 10])
    found = match(old, new)
    np.testing.assert_array_equal(found.ids, [9, 6, 4])
    assert (found.born, found.died, found.splits, found.merges) == ((),) * 4
    np.testing.assert_array_equal(lasting.follow(old, new, found), old)


def test_rows_at_a_border_keep_their_id():
    old = np.repeat([0, 1], 50)
    new = old.copy()
    new[45:55] = 1 - new[45:55]
    found = match(old, new)
    assert np.any(found.ids[new] != old)
    np.testing.assert_array_equal(lasting.follow(old, new, found), old)


def test_a_split():
    old = np.repeat([3, 5], [100, 50])
    new = np.repeat([0, 1, 2], [60, 40, 50])
    found = match(old, new)
    np.testing.assert_array_equal(found.ids, [3, 6, 5])
    np.testing.assert_array_equal(found.parents, [-1, 3, -1])
    assert found.born == (6,) and found.died == ()
    assert found.splits == ((3, (3, 6)),) and found.merges == ()
    after = lasting.follow(old, new, found)
    np.testing.assert_array_equal(after, np.repeat([3, 6, 5], [60, 40, 50]))


def test_a_new_cluster_made_of_several_has_rows():
    old = np.repeat([0, 1, 2, 3], 10)
    new = np.repeat([0, 1, 2, 3], 10)
    new[[0, 1, 2, 10, 11, 20, 21, 30]] = 4
    found = match(old, new)
    assert found.born == (4,) and found.parents[4] == -1
    assert found.splits == ((0, (0, 4)), (1, (1, 4)), (2, (2, 4)))
    after = lasting.follow(old, new, found)
    assert np.sum(after == 4) == 7 and after[30] == 3


def test_a_merge():
    old = np.repeat([3, 5, 8], [60, 40, 50])
    new = np.repeat([0, 1], [100, 50])
    found = match(old, new)
    np.testing.assert_array_equal(found.ids, [3, 8])
    assert found.born == () and found.died == (5,)
    assert found.merges == (((3, 5), 3),) and found.splits == ()
    after = lasting.follow(old, new, found)
    np.testing.assert_array_equal(after, np.repeat([3, 8], [100, 50]))


def test_what_dissolves_is_split_among_those_that_took_it():
    old = np.repeat([0, 1, 2, 3], [100, 100, 100, 30])
    new = np.repeat([0, 1, 2, 0, 1, 2], [100, 100, 100, 10, 10, 10])
    found = match(old, new)
    assert found.died == (3,) and found.splits == ((3, (0, 1, 2)),)
    np.testing.assert_array_equal(lasting.follow(old, new, found), new)


def test_rows_without_a_cluster_take_the_new_one():
    old = np.repeat([-1, 0], [50, 50])
    new = np.repeat([1, 0], [50, 50])
    found = match(old, new)
    np.testing.assert_array_equal(found.ids, [0, 1])
    assert found.born == (1,) and found.splits == found.merges == ()
    np.testing.assert_array_equal(found.parents, -1)
    np.testing.assert_array_equal(lasting.follow(old, new, found), new * 1)


def test_rows_outside_the_reference_follow_too():
    old, new = np.repeat([3, 5], [60, 40]), np.zeros(100, int)
    found = match(old, new)
    after = lasting.follow([3, 5, -1, 3], [0, 0, 0, -1], found)
    np.testing.assert_array_equal(after, [3, 3, 3, 3])


def test_an_id_that_died_is_never_used_again():
    found = match(np.full(9, 4), np.zeros(9, int), next_id=20, k=2)
    np.testing.assert_array_equal(found.ids, [4, 20])
    assert found.next_id == 21


def test_a_cluster_without_reference_rows_dies():
    found = match([0, 0], [0, 0], ids=[0, 6], next_id=7)
    assert found.died == (6,) and found.splits == found.merges == ()


def test_first_fit_of_nothing():
    found = lasting.match([], [], ids=[], k=2, next_id=0)
    np.testing.assert_array_equal(found.ids, [0, 1])


def radii(k, value=1.0):
    return radius.Radii(
        np.full([k, 3], value, np.float32), np.full(k, value, np.float32)
    )


def test_clusters_grow_and_are_renewed():
    first = state.begin(np.eye(2, dtype=np.float32), radii(2), "monday")
    grown = state.grown(
        first, np.zeros([1, 2], np.float32), radii(1, 2.0), "tuesday"
    )
    np.testing.assert_array_equal(grown.ids, [0, 1, 2])
    np.testing.assert_array_equal(grown.centroids[:2], first.centroids)
    np.testing.assert_array_equal(grown.thresholds, [1, 1, 2])
    assert grown.born == ["monday", "monday", "tuesday"] and grown.next_id == 3
    np.testing.assert_array_equal(grown.rows_of([2, 5, -1, 0]), [2, -1, -1, 0])
    grown.names[1] = "cats"
    old = np.repeat([0, 1, 2], [30, 20, 10])
    new = np.repeat([1, 0, 2, 3], [30, 12, 8, 10])
    matched = match(old, new)
    after = state.renewed(
        grown, matched, np.zeros([4, 2], np.float32), radii(4), "friday"
    )
    np.testing.assert_array_equal(after.ids, [1, 0, 3, 2])
    assert after.names == ["cats", "", "", ""]
    assert after.born == ["monday", "monday", "friday", "tuesday"]
    np.testing.assert_array_equal(after.parent, [-1, -1, 1, -1])
    assert after.next_id == 4
    for array in (after.ids, after.parent):
        assert array.dtype == np.int32
    # And once more: who was split from whom stays.
    again = match(new_ids := after.ids[new], new, next_id=4)
    np.testing.assert_array_equal(again.ids, after.ids)
    np.testing.assert_array_equal(lasting.follow(new_ids, new, again), new_ids)
    renewed = state.renewed(after, again, after.centroids, radii(4), "sunday")
    np.testing.assert_array_equal(renewed.parent, after.parent)
    assert renewed.born == after.born


def test_bad_input_is_explained():
    one = state.begin(np.eye(2, dtype=np.float32), radii(2), "monday")
    for message, call in {
        "overlap of 0 ": lambda: match([0], [0], least=0),
        "1 old and 2 new": lambda: match([0], [0, 0]),
        "has the id 4": lambda: match([0, 4], [0, 0], ids=[0]),
        "Label 3 is not one of 2": lambda: match([0], [3], k=2),
        "2 clusters have 1 centroids": lambda: state.Clusters(
            **vars(one) | {"centroids": one.centroids[:1]}
        ),
        "not different": lambda: state.Clusters(**vars(one) | {"next_id": 1}),
    }.items():
        with pytest.raises(InputError, match=message):
            call()


def test_the_same_clusters_keep_every_id():
    """Even of one that hardly any row is nearest to."""
    ids = np.array([7, 3, 5], np.int32)
    matched = lasting.same(ids, next_id=9)
    old = np.array([7, 7, 3, -1, -1, 5])
    kept = lasting.follow(old, np.array([1, 1, 1, 0, 2, 1]), matched)
    np.testing.assert_array_equal(kept, [7, 7, 3, 7, 5, 5])
    assert matched.next_id == 9 and not matched.born and not matched.died
