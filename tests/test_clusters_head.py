"""The head that clusters: its gradient, and that it finds what is there."""

import numpy as np
import pytest

from simclr.explore.clusters import head, kmeans


def softmax(logits):
    e = np.exp(logits)
    return e / e.sum(1, keepdims=True)


def literal(logits, others):
    """Eq. 2, one image at a time; entropy weight 5."""
    p, q = softmax(logits), softmax(others)
    total = 0.0
    for mine, theirs in zip(p, q):
        total -= np.log(np.dot(mine, theirs))
    shares = p.mean(0)
    return total / len(p) + 5 * sum(s * np.log(s) for s in shares)


def test_loss_and_gradient():
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=[6, 4]) for _ in range(2)]
    loss, *gradients = head.scan_loss(*map(softmax, logits))
    np.testing.assert_allclose(loss, literal(*logits), rtol=1e-10)
    for side in range(2):
        for place in np.ndindex(6, 4):
            moved = [x.copy() for x in logits]
            moved[side][place] += 1e-5
            up = literal(*moved)
            moved[side][place] -= 2e-5
            slope = (up - literal(*moved)) / 2e-5
            np.testing.assert_allclose(
                gradients[side][place], slope, rtol=1e-5, atol=1e-9
            )


@pytest.fixture(scope="module")
def mixture():
    """Five parts; each image's neighbours are of its part, nearly all."""
    rng = np.random.default_rng(1)
    label = rng.integers(5, size=2000)
    centres = rng.normal(size=[5, 16])
    x = (centres[label] + 0.7 * rng.normal(size=[2000, 16])).astype("f")
    x = (x - x.mean(0)) / x.std(0)
    distance = ((x[:, None] - x[None, :]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    return x, label, np.argsort(distance, 1)[:, :10]


def accuracy(found, label):
    """Of clusters that are parts by their majority, and all of them used."""
    table = np.zeros([5, 5], int)
    np.add.at(table, (found, label), 1)
    assert (table.sum(1) > 0).all()
    return table.max(1).sum() / len(label)


def test_finds_the_parts(mixture):
    x, label, neighbours = mixture
    found = head.fit(x, neighbours, 5, heads=2, least_steps=60)
    assert accuracy(found.probabilities(x).argmax(1), label) > 0.9
    again = head.fit(x, neighbours, 5, heads=2, least_steps=60)
    np.testing.assert_array_equal(found.kernel, again.kernel)


def test_self_labelling_makes_it_surer(mixture):
    x, label, neighbours = mixture
    first = head.fit(x, neighbours, 5, heads=2, least_steps=60)
    then = head.self_label(first, x, epochs=5)
    before, after = (h.probabilities(x).max(1).mean() for h in (first, then))
    assert after > before
    right = accuracy(first.probabilities(x).argmax(1), label)
    assert accuracy(then.probabilities(x).argmax(1), label) > right - 0.02


def placed(rows, centroids, layer):
    nearest, _ = kmeans.nearest(rows, centroids)
    return head.place(rows, centroids, nearest, layer)


def test_places_of_rows(mixture):
    """The head says which of its clusters; one born since takes what is its."""
    x, label, _ = mixture
    rows = 3 * x  # Of a scale of their own.
    found, means = head.clusters(rows, 5, seed=0)
    assert accuracy(found.probabilities(rows).argmax(1), label) > 0.9
    cluster, distance = placed(rows, means, found)
    said = found.probabilities(rows).argmax(1)
    np.testing.assert_array_equal(cluster, said)
    near, away = kmeans.nearest(rows, means)
    assert np.any(near != cluster), "else this test says nothing"
    assert np.all(distance[near != cluster] > away[near != cluster])
    np.testing.assert_allclose(distance[near == cluster], away[near == cluster])
    for i in range(5):
        np.testing.assert_allclose(rows[said == i].mean(0), means[i], atol=1e-4)
    born = np.concatenate([means, rows[:1]])
    cluster, distance = placed(rows, born, found)
    assert cluster[0] == 5 and distance[0] == 0
    others = cluster != 5
    np.testing.assert_array_equal(cluster[others], said[others])


def test_a_cluster_without_rows_is_left_out(mixture):
    x, _, _ = mixture
    found, means = head.clusters(x[:40], 30, seed=0)
    assert len(means) == len(found.bias) == found.kernel.shape[1] < 30
    assert set(placed(x, means, found)[0]) <= set(range(len(means)))


def test_sure_of_nothing_learns_nothing():
    flat = head.Head(np.zeros([3, 4], "f"), np.zeros([4], "f"), 1.5)
    same = head.self_label(flat, np.ones([10, 3], "f"), epochs=1)
    np.testing.assert_array_equal(same.kernel, flat.kernel)
    assert same.loss == 1.5
