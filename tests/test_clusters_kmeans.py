import faiss
import numpy as np
import pytest

from simclr.explore.clusters import kmeans, sample, whiten
from simclr.messages.errors import InputError


def parts(n=600, k=5, d=8, noise=0.1, seed=0):
    """Rows of a mixture, float32 [n, d], and the part of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, d))
    part = rng.integers(0, k, n)
    rows = centres[part] + noise * rng.normal(size=(n, d))
    return rows.astype(np.float32), part


def literal_nearest(rows, centroids):
    distance = [
        [np.sqrt(sum((x - c) ** 2)) for c in centroids.astype(float)]
        for x in rows.astype(float)
    ]
    return np.argmin(distance, axis=1), np.min(distance, axis=1)


def literal_whitening(rows, dims, floor):
    """Axes one by one, from the largest variance down, by power iteration."""
    centred = rows.astype(float) - rows.astype(float).mean(axis=0)
    covariance = sum(np.outer(x, x) for x in centred) / len(rows)
    axes, first = [], None
    for _ in range(dims):
        axis = np.ones(len(covariance))
        for _ in range(3000):
            axis = covariance @ axis
            axis /= np.linalg.norm(axis)
        variance = axis @ covariance @ axis
        covariance = covariance - variance * np.outer(axis, axis)
        axis *= np.sign(axis[np.argmax(np.abs(axis))])
        first = first or np.sqrt(variance)
        axes.append(axis / max(np.sqrt(variance), floor * first))
    z = centred @ np.array(axes).T
    return z / np.sqrt((z**2).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("floor", [0, 0.5, 1])
def test_whitening_is_that_of_the_paper(floor):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 5)) * [4, 3, 2, 1, 0.5] + 7
    rows = (rows @ np.linalg.qr(rng.normal(size=(5, 5)))[0]).astype(np.float32)
    found = whiten.fit(rows, dims=4, floor=floor).apply(rows)
    assert found.dtype == np.float32
    expected = literal_whitening(rows, 4, floor)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_fully_whitened_rows_have_no_longest_axis(monkeypatch):
    monkeypatch.setattr(whiten, "_BLOCK", 64)
    rows = np.random.default_rng(0).normal(size=(500, 6)) * [9, 5, 3, 2, 1, 1]
    found = whiten.fit(rows.astype(np.float32), floor=0)
    z = (rows - found.mean) @ found.axes
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(6), atol=1e-4)
    length = np.linalg.norm(found.apply(rows), axis=1)
    np.testing.assert_allclose(length, 1, atol=1e-6)


def test_only_dimensions_that_the_sample_spans_are_kept():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 20))
    flat = flat.astype(np.float16)
    assert whiten.fit(flat, dims=128).axes.shape == (20, 3)
    assert whiten.fit(flat, dims=2).axes.shape == (20, 2)
    assert whiten.fit(flat[:3], dims=128).axes.shape == (20, 2)


def test_a_row_that_is_the_mean_stays_zero():
    found = whiten.fit(parts()[0])
    np.testing.assert_array_equal(found.apply(found.mean[None]), 0)


def test_a_sample_is_some_of_the_rows():
    rows = np.arange(100, dtype=np.float16)[:, None]

    def blocks():
        return (rows[i : i + 7] for i in range(0, 100, 7))

    drawn, index = sample.draw(blocks, 100, 30, seed=3)
    assert drawn.dtype == np.float16 and len(set(index)) == 30
    np.testing.assert_array_equal(drawn, rows[index])
    assert np.all(np.diff(index) > 0)
    again, _ = sample.draw(lambda: iter([rows]), 100, 30, seed=3)
    np.testing.assert_array_equal(again, drawn)
    assert np.any(sample.draw(blocks, 100, 30, seed=4)[1] != index)
    np.testing.assert_array_equal(
        sample.draw(blocks, 100, 200, seed=0)[0], rows
    )


def test_every_row_is_as_likely_in_a_sample():
    rows = np.zeros([20, 1])
    count = np.zeros(20)
    for seed in range(2000):
        count[
            sample.draw(lambda: [rows[:3], rows[3:]], 20, 5, seed=seed)[1]
        ] += 1
    # 500 expected, deviation 19.4.
    assert count.min() > 420 and count.max() < 580


def test_nearest_is_exact_in_blocks(monkeypatch):
    monkeypatch.setattr(kmeans, "_BLOCK", 32)
    rows, _ = parts(100)
    centroids, _ = parts(13, seed=1)
    cluster, distance = kmeans.nearest(rows.astype(np.float16), centroids)
    expected = literal_nearest(rows.astype(np.float16), centroids)
    assert cluster.dtype == np.int32 and distance.dtype == np.float32
    np.testing.assert_array_equal(cluster, expected[0])
    np.testing.assert_allclose(distance, expected[1], rtol=1e-5)


def test_a_small_distance_keeps_its_digits():
    rows = np.full([1, 64], 1.0, np.float32)
    rows[0, 0] += 1e-4
    _, distance = kmeans.nearest(rows, np.ones([1, 64], np.float32))
    np.testing.assert_allclose(distance, 1e-4, rtol=1e-2)


def test_rows_are_not_changed():
    rows, _ = parts()
    before = rows.copy()
    kmeans.nearest(rows, kmeans.fit(rows, 3, seed=0))
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("k", [1, 5, 80, 300])
def test_centroids_are_means_and_none_is_empty(k):
    rows, _ = parts(noise=1.0)
    centroids = kmeans.fit(rows, k, seed=0, iterations=60)
    assert centroids.shape == (k, 8) and centroids.dtype == np.float32
    cluster, _ = kmeans.nearest(rows, centroids)
    assert np.bincount(cluster, minlength=k).min() > 0
    if k <= 5:
        for i in range(k):
            mean = rows[cluster == i].mean(axis=0)
            np.testing.assert_allclose(centroids[i], mean, atol=1e-4)


def test_parts_are_found():
    rows, part = parts()
    cluster, _ = kmeans.nearest(rows, kmeans.fit(rows, 5, seed=0))
    pairs = {(a, b) for a, b in zip(part, cluster)}
    assert len(pairs) == 5


def test_an_empty_cluster_goes_to_the_row_that_fits_worst():
    rows = np.array([[0, 0], [0, 1], [9, 9]], np.float32)
    centroids = np.array([[0, 0.5], [50, 50]], np.float32)
    np.testing.assert_array_equal(
        kmeans._filled(rows, centroids), [[0, 0.5], [9, 9]]
    )


def test_the_seed_decides_and_threads_do_not():
    rows, _ = parts(3000, noise=1.0)
    found = {}
    threads = faiss.omp_get_max_threads()
    try:
        for count in (1, 2):
            faiss.omp_set_num_threads(count)
            for k in (10, 100, 400):
                found[count, k] = kmeans.fit(rows, k, seed=1, iterations=3)
    finally:
        faiss.omp_set_num_threads(threads)
    for k in (10, 100, 400):
        np.testing.assert_array_equal(found[1, k], found[2, k])
        other = kmeans.fit(rows, k, seed=2, iterations=3)
        assert np.any(found[1, k] != other)


def test_a_fit_goes_on():
    """Of rows that are its own, or no one's; the old place counts as ten."""
    rows, _ = parts()
    far = np.full([1, rows.shape[1]], 1e3, np.float32)
    start = np.concatenate([rows[[0]], far, rows[1:5]])
    cluster, _ = kmeans.nearest(rows, start)
    known = cluster.copy()
    known[::3], known[1::3] = -1, (cluster[1::3] + 1) % 6
    found = kmeans.go_on(rows, start, known)
    known[::3] = cluster[::3]
    for i in range(6):
        own = rows[(cluster == i) & (known == i)]
        own = np.concatenate([own, np.repeat(start[[i]], 10, 0)])
        np.testing.assert_allclose(found[i], own.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found[1], far[0])


def test_pruned_gives_clusters_as_good():
    rows, _ = parts(3000, k=30, d=64, noise=0.5)
    plain, pruned = (
        kmeans.nearest(rows, kmeans.fit(rows, 100, seed=0, pruned=p))[1].mean()
        for p in (False, True)
    )
    assert abs(pruned / plain - 1) < 0.05


def test_bad_input_is_explained():
    rows, _ = parts(30)
    nan = np.where(np.arange(30)[:, None] == 4, np.nan, rows)
    equal = np.repeat(rows[:3], 10, axis=0)
    whitening = whiten.fit(rows)
    for message, call in {
        "k is 0": lambda: kmeans.fit(rows, 0, seed=0),
        "k is 31": lambda: kmeans.fit(rows, 31, seed=0),
        "iterations is 0": lambda: kmeans.fit(rows, 2, seed=0, iterations=0),
        "cluster are not all finite": lambda: kmeans.fit(nan, 2, seed=0),
        "fewer than 4 different": lambda: kmeans.fit(equal, 4, seed=0),
        "not 8": lambda: kmeans.fit(rows, 2, seed=0, pruned=True),
        r"1 row\(s\) are not finite": lambda: kmeans.nearest(nan, rows),
        "have no nearest": lambda: kmeans.nearest(rows, rows[:0]),
        "dims is 0": lambda: whiten.fit(rows, dims=0),
        "floor is 2": lambda: whiten.fit(rows, floor=2),
        "All 9 rows are alike": lambda: whiten.fit(np.ones([9, 3])),
        r"1 row\(s\): nothing": lambda: whiten.fit(rows[:1]),
        "sample are not all finite": lambda: whiten.fit(nan),
        "of 8 features": lambda: whitening.apply(rows[:, :5]),
        r"1 row\(s\) of features": lambda: whitening.apply(nan),
        "blocks hold 30": lambda: sample.draw(lambda: [rows], 31, 5, seed=0),
        "of 0 rows is none": lambda: sample.draw(lambda: [rows], 30, 0, seed=0),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
