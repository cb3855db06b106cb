"""Which images to label, and which to train on."""

import numpy as np
import pytest

from simclr.explore.choosing import (
    balance,
    margin,
    others,
    probe,
    rows,
    rule,
    typical,
)
from simclr.messages.errors import InputError

C, F = 6, 8
CENTRES = np.random.default_rng(0).normal(size=[C, F]) * 4


def mixture(count, seed=0, share=None):
    """float16 [count, F] and the part of each row."""
    rng = np.random.default_rng(seed)
    part = rng.choice(C, count, p=share)
    noise = rng.normal(size=[count, F])
    return (CENTRES[part] + noise).astype(np.float16), part


def blocks_of(x, size=70):
    def blocks():
        for start in range(0, len(x), size):
            yield x[start : start + size]

    return blocks


X, PART = mixture(600)
BLOCKS = blocks_of(X)
NONE = np.full(600, -1)


def test_taken_rows():
    for some in ([], [0, 69, 70, 599], np.arange(600)):
        np.testing.assert_array_equal(rows.taken(BLOCKS, some), X[some, :])
    with pytest.raises(InputError, match="Row 600 is not among 600"):
        rows.taken(BLOCKS, [3, 600])


def literal_mean_distance(x, k):
    found = []
    for i, row in enumerate(x.astype(float)):
        far = [np.linalg.norm(row - r) for j, r in enumerate(x) if j != i]
        found.append(np.mean(sorted(far)[:k]))
    return found


@pytest.mark.parametrize("k", [1, 5, 20])
def test_mean_distance_is_equation_4(k):
    found = typical.mean_distance(X[:40], k)
    expected = literal_mean_distance(X[:40], k)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_mean_distance_of_few_rows():
    found = typical.mean_distance(X[:4])
    np.testing.assert_allclose(
        found, literal_mean_distance(X[:4], 3), rtol=1e-4
    )
    assert typical.mean_distance(X[:1]) == 0


def literal_typical(x, cluster, labelled, budget):
    """One image at a time, as the paper's Algorithm 1 says it."""
    labelled, chosen = list(labelled), []
    for _ in range(budget):
        clusters = np.unique(cluster)
        clusters = [c for c in clusters if np.sum(cluster == c) >= 5]
        few = [np.sum(cluster[labelled] == c) for c in clusters]
        size = [np.sum(cluster == c) for c in clusters]
        one = clusters[np.lexsort([np.negative(size), few])[0]]
        members = np.flatnonzero(cluster == one)
        first = set(labelled) - set(chosen)
        members = np.array([m for m in members if m not in first])
        far = np.array(literal_mean_distance(x[members], 20))
        far[np.isin(members, chosen)] = np.inf
        row = members[far.argmin()]
        labelled.append(row)
        chosen.append(row)
    return chosen


@pytest.mark.parametrize("labelled", [[], [0, 1, 2, 7]])
def test_within_clusters_is_the_algorithm(labelled):
    cluster = PART.copy()
    cluster[:3] = C  # Too small, whatever its labels.
    found = typical.within(BLOCKS, cluster, labelled, 9, seed=0)
    assert found.tolist() == literal_typical(X, cluster, labelled, 9)


def test_a_typical_image_of_every_part():
    found = typical.choose(BLOCKS, 600, [], C, seed=0)
    assert sorted(PART[found]) == list(range(C))
    own = np.linalg.norm(X - CENTRES[PART], axis=1)
    assert np.all(own[found] < np.median(own))
    labelled = found[:4]
    more = typical.choose(BLOCKS, 600, labelled, 2, seed=0)
    assert sorted(PART[more]) == sorted(set(range(C)) - set(PART[labelled]))


def test_typical_comes_again_with_the_seed():
    one, two = (typical.choose(BLOCKS, 600, [5], 30, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert len(set(one)) == 30 and 5 not in one


def test_of_large_clusters_a_draw_is_compared(monkeypatch):
    monkeypatch.setattr(typical, "_MOST_HELD", 6 * 30)
    asked = []
    monkeypatch.setattr(
        typical,
        "mean_distance",
        lambda x: asked.append(len(x)) or np.arange(len(x))[::-1],
    )
    found = typical.within(BLOCKS, PART, [], C, seed=0)
    assert asked == [30] * C
    assert sorted(PART[found]) == list(range(C))


def test_small_clusters_and_all_images_when_nothing_else_is_left():
    cluster = np.array([0] * 6 + [1] * 2)
    blocks = blocks_of(X[:8])
    found = typical.within(blocks, cluster, [0], 7, seed=0)
    assert sorted(found) == list(range(1, 8))
    assert sorted(found[-2:]) == [6, 7]
    assert sorted(typical.choose(blocks, 8, [0], 7, seed=0)) == [*range(1, 8)]


def literal_loss(x, y, fitted, penalty, scale):
    total = 0
    for row, label in zip(x, y):
        logits = (row - fitted.mean) @ fitted.weights + fitted.bias
        total -= logits[label] - np.log(np.sum(np.exp(logits)))
    weights = fitted.weights * scale
    return total / len(x) + penalty / 2 * np.sum(weights**2)


def test_probe_is_at_the_minimum_of_its_loss():
    x, y = X[:50].astype(float), PART[:50]
    fitted = probe.fit(x, y, C, penalty=0.01)
    scale = np.sqrt(np.mean(np.sum((x - x.mean(0)) ** 2, axis=1)))
    least = literal_loss(x, y, fitted, 0.01, scale)
    rng = np.random.default_rng(0)
    for size in (1e-2, 1e-1):
        for _ in range(20):
            other = probe.Probe(
                fitted.mean,
                fitted.weights + size / scale * rng.normal(size=[F, C]),
                fitted.bias + size * rng.normal(size=C),
            )
            assert literal_loss(x, y, other, 0.01, scale) > least


def test_probe_does_not_depend_on_scale_and_place():
    one = probe.fit(X[:50], PART[:50], C).probabilities(X)
    moved = probe.fit(3 * X[:50].astype(float) + 5, PART[:50], C)
    two = moved.probabilities(3 * X.astype(float) + 5)
    np.testing.assert_allclose(one, two, atol=2e-3)
    assert np.mean(one.argmax(axis=1) == PART) > 0.9
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-5)


def test_margins():
    p = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [0, 0, 1.0]])
    np.testing.assert_allclose(margin.margins(p), [0.2, 0, 1], atol=1e-12)


def literal_margin(x, labels, budget, seed):
    """One image at a time, by the formula."""
    labels = labels.copy()
    known = labels >= 0
    fitted = probe.fit(x[known], labels[known], C)
    doubt = 1 - margin.margins(fitted.probabilities(x))
    cluster = typical.clustered(
        blocks_of(x), len(x), np.flatnonzero(known), budget, seed=seed
    )
    chosen = []
    for _ in range(budget):
        worth = []
        for one in range(cluster.max() + 1):
            own = cluster == one
            left = np.any(own & (labels < 0))
            total = sum(doubt[own]) / (1 + np.sum(labels[own] >= 0))
            worth.append(total if left else -1)
        members = np.flatnonzero((cluster == np.argmax(worth)) & ~known)
        far = np.array(literal_mean_distance(x[members], 20))
        far[np.isin(members, chosen)] = np.inf
        chosen.append(members[far.argmin()])
        labels[chosen[-1]] = 0
    return chosen


@pytest.mark.parametrize("budget", [1, 12])
def test_margin_is_the_formula(budget):
    x, labels = X[:300], NONE[:300].copy()
    labels[:40] = PART[:40]
    found = margin.choose(blocks_of(x), labels, budget, seed=2)
    assert found.tolist() == literal_margin(x, labels, budget, seed=2)


def test_margin_goes_where_the_probe_is_in_doubt():
    # Parts 0 and 1 lie on each other: a probe cannot tell them.
    centres = np.eye(C, F) * 6
    centres[1] = centres[0] + 0.5
    x = centres[PART] + np.random.default_rng(1).normal(size=[600, F])
    labels = NONE.copy()
    labels[:120] = PART[:120]
    found = margin.choose(blocks_of(x), labels, 10, seed=0)
    assert len(set(found)) == 10 and found.min() >= 120
    assert np.mean(PART[found] <= 1) >= 0.8


def test_at_random_takes_each_unlabelled_row_as_often():
    count = np.zeros(20)
    for seed in range(2000):
        count[others.at_random(20, [3, 4], 5, seed=seed)] += 1
    assert not count[[3, 4]].any()
    count = np.delete(count, [3, 4])
    np.testing.assert_allclose(count, 2000 * 5 / 18, rtol=0.15)


@pytest.mark.parametrize("labelled", [[], [7, 30]])
def test_k_centre_is_the_greedy_algorithm(monkeypatch, labelled):
    monkeypatch.setattr(others, "_BLOCK", 64)
    found = others.k_centre(X[:200], labelled, 12, seed=1).tolist()
    centres = list(labelled) or [found[0]]
    x = X[:200].astype(float)
    for row in found if labelled else found[1:]:
        far = [min(np.linalg.norm(r - x[c]) for c in centres) for r in x]
        assert row == int(np.argmax(far))
        centres.append(row)
    assert len(set(found)) == 12


def test_the_rule_counts_what_is_labelled():
    labels = NONE.copy()
    found = rule.choose(BLOCKS, labels, PART, C, seed=0)
    assert found.rule == "typical"
    assert "0 labels in 6 clusters" in found.why
    assert "fewer than 3" in found.why
    labels[: 3 * C - 1] = PART[: 3 * C - 1]
    assert rule.choose(BLOCKS, labels, PART, C, seed=0).rule == "typical"
    labels[: 3 * C] = PART[: 3 * C]
    found = rule.choose(BLOCKS, labels, PART, C, seed=0)
    assert found.rule == "margin"
    assert "18 labels in 6 clusters, 3.0 each" in found.why
    assert "\n" not in found.why
    expected = margin.choose(BLOCKS, labels, C, seed=0)
    np.testing.assert_array_equal(found.row, expected)
    some = rule.choose(BLOCKS, labels, PART, C, seed=0, least=4)
    assert some.rule == "typical"


def test_a_single_class_cannot_doubt():
    labels = NONE.copy()
    labels[:60] = 2
    found = rule.choose(BLOCKS, labels, PART, 3, seed=0)
    assert found.rule == "typical" and "single class" in found.why


def test_rows_without_a_cluster_may_be_chosen():
    cluster = PART.copy()
    cluster[PART > 2] = -1
    found = rule.choose(BLOCKS, NONE, cluster, C, seed=0)
    assert "0 labels in 3 clusters" in found.why
    assert sorted(PART[found.row]) == list(range(C))


def test_clusters_are_no_more_than_rows_and_time_allow(monkeypatch):
    monkeypatch.setattr(typical, "_MOST_CLUSTERS", 8)
    cluster = typical.clustered(BLOCKS, 600, [1, 2, 2], 3, seed=0)
    assert cluster.max() + 1 == 2 + 3
    cluster = typical.clustered(BLOCKS, 600, [], 50, seed=0)
    assert cluster.max() + 1 == 8
    assert len(set(typical.choose(BLOCKS, 600, [], 50, seed=0))) == 50
    cluster = typical.clustered(blocks_of(X[:20]), 20, [], 10, seed=0)
    assert cluster.max() + 1 == 4


def test_balance_takes_at_most_so_many():
    cluster = np.random.default_rng(0).choice(
        [-1, 0, 3, 4], 500, p=[0.1, 0.6, 0.29, 0.01]
    )
    found = balance.at_most(cluster, 40, seed=1)
    assert np.all(np.diff(found) > 0)
    for one in (-1, 0, 3, 4):
        there = np.sum(cluster == one)
        assert np.sum(cluster[found] == one) == min(40, there)
    again = balance.at_most(cluster, 40, seed=1)
    np.testing.assert_array_equal(found, again)
    assert set(found) <= set(balance.at_most(cluster, 60, seed=1))
    assert set(found) != set(balance.at_most(cluster, 40, seed=2))
    with pytest.raises(InputError, match="At most 0"):
        balance.at_most(cluster, 0, seed=0)


def test_balance_draws_every_row_as_often():
    count = np.zeros(12)
    for seed in range(2000):
        count[balance.at_most([0] * 12, 3, seed=seed)] += 1
    np.testing.assert_allclose(count, 2000 * 3 / 12, rtol=0.15)


def test_bad_input_is_explained():
    for message, call in {
        "0 images cannot be chosen": lambda: typical.choose(
            BLOCKS, 600, [], 0, seed=0
        ),
        "599 images cannot be chosen: 598": lambda: others.at_random(
            600, [1, 2], 599, seed=0
        ),
        "row 600 is not one of 600": lambda: typical.within(
            BLOCKS, PART, [600], 3, seed=0
        ),
        "labels of two classes": lambda: margin.choose(BLOCKS, NONE, 3, seed=0),
        "Labels of 600 rows and clusters of 599": lambda: rule.choose(
            BLOCKS, NONE, PART[1:], 3, seed=0
        ),
        "No row is in a cluster": lambda: rule.choose(
            BLOCKS, NONE, NONE, 3, seed=0
        ),
        "not all of 3 classes": lambda: probe.fit(X[:50], PART[:50], 3),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
