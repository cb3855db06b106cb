import numpy as np
import pytest

from simclr.evaluation import probe, split
from simclr.evaluation.accuracy import top_k_accuracy
from tests import reference_evaluation as reference


def blobs(m=300, f=5, c=3, seed=0, spread=1.5):
    """Overlapping classes around random means, in very unequal units."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(c, f))
    labels = rng.integers(0, c, m)
    h = means[labels] + spread * rng.normal(size=(m, f))
    units = 10.0 ** np.arange(-2, f - 2)
    return (h * units + 7 * units).astype(np.float32), labels


def test_matches_newtons_method(monkeypatch):
    monkeypatch.setattr(probe, "_TOLERANCE", 1e-12)
    monkeypatch.setattr(probe, "_L2", (1e-2,))
    h, labels = blobs(m=150)
    fitted = probe.fit_probe(h, labels, 3)
    x = (h - h.mean(0)) / h.std(0)
    w = reference.logistic_regression(x, labels, 3, fitted.l2)
    scores = fitted.scores(h)
    scores -= scores.mean(axis=1, keepdims=True)
    expected = x @ w[:-1] + w[-1]
    expected -= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, expected, atol=2e-3)


def test_blocks_do_not_change_the_result(monkeypatch):
    monkeypatch.setattr(probe, "_BLOCK", 64)
    test_matches_newtons_method(monkeypatch)


def test_generalises_and_repeats():
    h, labels = blobs(seed=1)
    test_h, test_labels = blobs(seed=2)
    first = probe.fit_probe(h, labels, 3)
    again = probe.fit_probe(h, labels, 3)
    np.testing.assert_array_equal(first.kernel, again.kernel)
    # The best possible: the nearest mean in the right units.
    best = probe.fit_probe(*blobs(m=20000, seed=3), 3)
    optimum = top_k_accuracy(best.scores(test_h), test_labels)
    found = top_k_accuracy(first.scores(test_h), test_labels)
    assert 0.6 < optimum < 0.95
    assert found > optimum - 0.03


def test_units_of_the_features_do_not_matter():
    h, labels = blobs()
    expected = probe.fit_probe(h, labels, 3).scores(h)
    units = np.array([1e4, 1e-3, 1, 50, 1e-2], np.float32)
    scores = probe.fit_probe(h * units - 1, labels, 3).scores(h * units - 1)
    np.testing.assert_allclose(scores, expected, atol=0.05)


def test_few_labels_choose_a_strong_penalty():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 60)).astype(np.float32)
    labels = (noise[:, 0] > 0).astype(int)
    labels = np.where(rng.random(300) < 0.3, 1 - labels, labels)
    assert probe.fit_probe(noise[:40], labels[:40], 2).l2 >= 1e-2


def test_rows_without_a_label_take_no_part():
    h, labels = blobs()
    fitted = probe.fit_probe(h[:200], labels[:200], 3)
    spoiled = np.concatenate([h[:200], np.full([50, 5], 1e6, np.float32)])
    hidden = np.concatenate([labels[:200], np.full(50, -1)])
    same = probe.fit_probe(spoiled, hidden, 3)
    np.testing.assert_array_equal(fitted.kernel, same.kernel)
    assert same.num_rows == 200


def test_absent_classes_are_never_predicted():
    h, labels = blobs()
    scores = probe.fit_probe(h, labels * 2, 7).scores(h)
    assert scores.shape == (300, 7)
    assert np.all(scores[:, [1, 3, 5, 6]] == -np.inf)
    assert top_k_accuracy(scores, labels * 2) > 0.6


def test_one_image_a_class():
    h, labels = np.eye(4, dtype=np.float32) * 3, np.arange(4)
    scores = probe.fit_probe(h, labels, 4).scores(h)
    np.testing.assert_array_equal(scores.argmax(1), labels)


def test_constant_and_nearly_constant_features():
    h, labels = blobs()
    expected = probe.fit_probe(h, labels, 3).scores(h)
    # 0.1 has no exact float32: what is left after centring is rounding.
    constant = np.full([300, 2], [0.1, 1e6], np.float32)
    h = np.concatenate([h, constant], axis=1)
    fitted = probe.fit_probe(h, labels, 3)
    assert np.all(np.isfinite(fitted.kernel))
    np.testing.assert_allclose(fitted.scores(h), expected, atol=0.05)


def test_a_subset_is_stated():
    h, labels = blobs()
    fitted = probe.fit_probe(h, labels, 3, max_rows=120)
    assert fitted.num_rows == 120
    assert fitted.note == "linear probe fitted on 120 of 300 images"
    assert probe.fit_probe(h, labels, 3).note == ""


def test_bad_input_is_explained():
    h, labels = blobs()
    with pytest.raises(
        ValueError, match="All 300 labelled images are of class"
    ):
        probe.fit_probe(h, labels * 0 + 2, 3)
    with pytest.raises(ValueError, match="None of the 300 images has a label"):
        probe.fit_probe(h, labels * 0 - 1, 3)
    with pytest.raises(ValueError, match="not finite"):
        probe.fit_probe(np.where(h > h.mean(), h, np.inf), labels, 3)


@pytest.mark.parametrize("m", [60, 3000])
def test_the_strength_is_chosen_by_what_is_held_out(m, monkeypatch):
    """Of few rows each is held out once, of many a tenth."""
    scored = []

    def score(logits, labels):
        scored.append(np.concatenate(labels))
        return 0.0, -float(len(scored))

    monkeypatch.setattr(probe, "_score", score)
    h, labels = blobs(m=m)
    probe.fit_probe(h, labels, 3)
    for found in scored:
        count = np.bincount(found, minlength=3)
        share = 1 if m == 60 else 0.1
        np.testing.assert_allclose(count, share * np.bincount(labels), atol=1)


def test_a_rare_image_is_never_held_out():
    y = np.array([0] * 7 + [1] * 2 + [2])
    masks = split.parts(y, 5, np.random.default_rng(0))
    assert len(masks) == 5 and all(mask.any() for mask in masks)
    np.testing.assert_array_equal(np.sum(masks, axis=0), [1] * 9 + [0])
    [none] = split.parts(np.arange(3), 5, np.random.default_rng(0))
    assert not none.any()


def test_of_few_rows_the_choice_hardly_depends_on_the_draw():
    """Twelve rows a class; a held-out tenth chose any of four strengths."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(10, 64))
    y = np.repeat(np.arange(10), 12)
    h = (centres[y] + 5 * rng.normal(size=(120, 64))).astype(np.float32)
    found = {probe.fit_probe(h, y, 10, seed=seed).l2 for seed in range(5)}
    assert found == {0.1}
