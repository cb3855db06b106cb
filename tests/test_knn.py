import numpy as np
import pytest
import tensorflow as tf

from simclr.evaluation import knn
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.full_float32 import full_float32
from tests import reference_evaluation as reference


def features(m=60, q=15, f=7, seed=0):
    rng = np.random.default_rng(seed)
    train_h = rng.normal(size=(m, f)).astype(np.float32)
    test_h = rng.normal(size=(q, f)).astype(np.float32)
    return train_h, rng.integers(-1, 4, m), test_h


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(knn, "_CANDIDATES", 16)
    monkeypatch.setattr(knn, "_QUERIES", 4)


@pytest.mark.parametrize("k", [1, 5, 20, 1000])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_votes_match_the_paper(k, temperature):
    train_h, labels, test_h = features()
    scores = knn.knn_predict(train_h, labels, test_h, 6, k, temperature)
    expected = reference.knn_votes(train_h, labels, test_h, 6, k, temperature)
    assert scores.dtype == np.float32
    scores /= scores.sum(axis=1, keepdims=True)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-7)


def test_blocks_do_not_change_the_result(small_blocks):
    test_votes_match_the_paper(5, 0.07)


def test_lower_index_first_among_equals_in_any_block(small_blocks):
    h = np.tile(np.eye(3, dtype=np.float32), [20, 1])  # Rows repeat every 3.
    index, similarity = knn.nearest(h, h[:1], 10)
    np.testing.assert_array_equal(index, [range(0, 30, 3)])
    np.testing.assert_array_equal(similarity, 1)


def test_no_temperature_overflows():
    train_h, labels, test_h = features()
    scores = knn.knn_predict(train_h, labels, test_h, 4, temperature=1e-4)
    assert np.all(np.isfinite(scores))
    nearest = knn.knn_predict(train_h, labels, test_h, 4, k=1)
    np.testing.assert_array_equal(scores.argmax(1), nearest.argmax(1))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_length_of_features_does_not_matter(scale):
    train_h, labels, test_h = features()
    expected = knn.knn_predict(train_h, labels, test_h, 4)
    scaled = knn.knn_predict(train_h * scale, labels, test_h / scale, 4)
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-6)


def test_unlabelled_rows_have_no_vote():
    train_h, labels, test_h = features()
    labels = np.where(np.arange(60) == 33, 2, -1)
    scores = knn.knn_predict(train_h, labels, test_h, 4)
    np.testing.assert_array_equal(scores, np.eye(4)[[2] * 15])


def test_neighbours_leave_the_query_out(small_blocks):
    h = features()[0]
    queries = [3, 59, 3]
    index, similarity = knn.neighbours(h, queries, k=5)
    u = h / np.linalg.norm(h, axis=1, keepdims=True)
    for i, query in enumerate(queries):
        cosines = u @ u[query]
        cosines[query] = -2
        expected = np.argsort(-cosines)[:5]
        np.testing.assert_array_equal(index[i], expected)
        np.testing.assert_allclose(similarity[i], cosines[expected], atol=1e-6)


def test_neighbours_among_duplicates():
    h = np.ones([10, 4], np.float32)
    index, similarity = knn.neighbours(h, [0, 8], k=3)
    np.testing.assert_array_equal(index, [[1, 2, 3], [0, 1, 2]])
    np.testing.assert_allclose(similarity, 1, rtol=1e-6)


def test_more_neighbours_than_images():
    index, _ = knn.neighbours(features()[0][:4], [2], k=8)
    assert sorted(index[0]) == [0, 1, 3]


def test_accuracy():
    scores = np.array([[3.0, 2, 1], [1, 3, 2], [1, 2, 3], [1, 2, 3]])
    labels = [0, 2, 0, -1]
    assert top_k_accuracy(scores, labels) == pytest.approx(1 / 3)
    assert top_k_accuracy(scores, labels, 2) == pytest.approx(2 / 3)
    assert top_k_accuracy(scores, labels, 5) == 1


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("label", [0, 9])
def test_equal_scores_are_chance(k, label):
    scores = np.zeros([4, 10])
    assert top_k_accuracy(scores, [label] * 4, k) == pytest.approx(k / 10)


def test_classes_that_tie_for_the_last_places_share_them():
    scores = np.array([[5.0, 1, 1, 1, 0]])
    assert top_k_accuracy(scores, [0], 2) == 1
    assert top_k_accuracy(scores, [2], 2) == pytest.approx(1 / 3)
    assert top_k_accuracy(scores, [4], 2) == 0


def test_nan_is_a_miss():
    assert top_k_accuracy(np.full([2, 3], np.nan), [0, 1], 3) == 0


def test_bad_input_is_explained():
    h, labels, test_h = features()
    for message, call in {
        "temperature is 0": lambda: knn.knn_predict(
            h, labels, test_h, 4, temperature=0
        ),
        "k is 0": lambda: knn.knn_predict(h, labels, test_h, 4, k=0),
        "None of the 60 images has a label": lambda: knn.knn_predict(
            h, [-1] * 60, test_h, 4
        ),
        "Label 3 is not one of 3 classes": lambda: knn.knn_predict(
            h, labels, test_h, 3
        ),
        "7 and of 6 dimensions": lambda: knn.nearest(h, test_h[:, :6], 3),
        "1 row.s. of features are not finite": lambda: knn.nearest(
            np.where(np.arange(60)[:, None] == 5, np.nan, h), test_h, 3
        ),
        "Query 60 is not one of 60 images": lambda: knn.neighbours(h, [1, 60]),
        "no neighbours": lambda: knn.neighbours(h[:1], [0]),
        "no image to search": lambda: knn.nearest(h[:0], test_h, 3),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()


def test_no_queries():
    h = features()[0]
    index, similarity = knn.nearest(h, h[:0], 3)
    assert index.shape[0] == similarity.shape[0] == 0


def test_full_float32_is_given_back():
    allowed = tf.config.experimental.tensor_float_32_execution_enabled
    before = allowed()
    with pytest.raises(KeyError), full_float32():
        assert not allowed()
        raise KeyError
    assert allowed() == before
