"""Scores of a classifier: against slow twins, closed forms and properties."""

import json

import numpy as np
import pytest

from simclr.evaluation import classification, report
from simclr.evaluation.accuracy import UNKNOWN_CLASS
from simclr.pictures.confusion import confusion_sheet
from tests import reference_evaluation as reference
from tests.test_pictures import has, margin_is_white, page, pixels

K = 7
NAMES = [f"class {i}" for i in range(K)]


def answers(num=200, k=K, seed=0, absent=()):
    """Logits that are often right, and labels, none of a class in `absent`."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.setdiff1d(np.arange(k), absent), num)
    logits = 2 * np.eye(k)[labels] + rng.normal(size=(num, k))
    return logits.astype(np.float32), labels


def certain(predicted, k=K):
    """Logits of probabilities 1 and 0."""
    return 1e4 * np.eye(k, dtype=np.float32)[predicted]


def test_matches_the_slow_twins():
    logits, labels = answers(absent=[3])
    scores = classification.measure(logits, labels, NAMES)
    predicted = logits.argmax(1)
    confusion = np.zeros([K, K], int)
    for y, p in zip(labels, predicted):
        confusion[y, p] += 1
    np.testing.assert_array_equal(scores["confusion"], confusion)
    assert scores["top1"] == pytest.approx(np.mean(predicted == labels))
    in_five = [y in np.argsort(-z)[:5] for z, y in zip(logits, labels)]
    assert scores["top5"] == pytest.approx(np.mean(in_five))
    losses = [-np.log(reference.softmax(z)[y]) for z, y in zip(logits, labels)]
    assert scores["nll"] == pytest.approx(np.mean(losses), rel=1e-6)
    expected = reference.calibration_error(logits, labels, 15)
    assert scores["ece"] == pytest.approx(expected, rel=1e-5)
    for row, triple in zip(
        scores["per_class"], reference.classes(predicted, labels, K)
    ):
        for key, value in zip(("precision", "recall", "f1"), triple):
            found = np.nan if row[key] is None else row[key]
            assert found == pytest.approx(value, nan_ok=True), key


def test_perfect_answers():
    _, labels = answers()
    scores = classification.measure(certain(labels), labels, NAMES)
    assert scores["top1"] == scores["top5"] == 1
    assert scores["ece"] == scores["nll"] == 0
    for row in scores["per_class"]:
        assert row["precision"] == row["recall"] == row["f1"] == 1
        assert row["confused_with"] is None


def test_equal_logits_know_nothing():
    """Probability 1/k each; the first class is named."""
    labels = np.repeat(np.arange(K), [40, 10, 10, 10, 10, 10, 10])
    scores = classification.measure(np.zeros([100, K]), labels, NAMES)
    assert scores["nll"] == pytest.approx(np.log(K))
    assert scores["top1"] == pytest.approx(1 / K)  # Ties share the hit.
    assert scores["top5"] == pytest.approx(5 / K)
    assert scores["ece"] == pytest.approx(0.4 - 1 / K)


def test_one_answer_to_everything():
    _, labels = answers()
    logits = certain(np.full_like(labels, 2))
    scores = classification.measure(logits, labels, NAMES)
    share = np.mean(labels == 2)
    assert scores["top1"] == pytest.approx(share)
    assert scores["ece"] == pytest.approx(1 - share)  # Certain, and so right.
    for row in scores["per_class"]:
        if row["name"] == "class 2":
            assert (row["precision"], row["recall"]) == (share, 1)
        else:
            assert row["precision"] is None and row["recall"] == row["f1"] == 0
            assert row["confused_with"] == "class 2"
            assert row["confused"] == row["count"]


def test_ece_tells_calibrated_from_overconfident():
    """Labels drawn from the probabilities themselves, then sharper logits."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (p.cumsum(1) < rng.random([len(p), 1])).sum(1)
    names = list("abcd")
    assert classification.measure(logits, labels, names)["ece"] < 0.02
    assert classification.measure(4 * logits, labels, names)["ece"] > 0.2


def test_bins_are_closed_above():
    bins = classification.reliability([0.2, 0.21, 1.0], [1, 0, 1], num_bins=5)
    assert [row["count"] for row in bins] == [1, 1, 0, 0, 1]
    assert bins[0] == {"count": 1, "confidence": 0.2, "accuracy": 1.0}
    assert bins[2] == {"count": 0, "confidence": None, "accuracy": None}


def test_unlabelled_rows_do_not_count():
    logits, labels = answers()
    more = np.concatenate([np.full([3, K], np.nan), logits])
    padded = np.concatenate([[-1, -1, -1], labels])
    found = classification.measure(more, padded, NAMES)
    expected = classification.measure(logits, labels, NAMES)
    assert found["confusion"] == expected["confusion"]
    for key in ("top1", "top5", "ece", "nll"):
        assert found[key] == pytest.approx(expected[key], rel=1e-6)


def test_a_class_that_is_not_known_is_a_mistake():
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]] * 9
    scores = classification.measure(
        logits, np.array([0, 1, UNKNOWN_CLASS, -1]), list("abc")
    )
    assert scores["top1"] == 2 / 3 and scores["unknown"] == 1
    assert np.sum(scores["confusion"]) == 2
    assert scores["ece"] == pytest.approx(1 / 3, abs=1e-3)
    known = classification.measure(logits[:2], np.array([0, 1]), list("abc"))
    assert scores["nll"] == known["nll"] and known["unknown"] == 0


def test_a_shift_of_the_logits_changes_nothing():
    logits, labels = answers()
    scores = classification.measure(logits, labels, NAMES)
    logits = logits.astype(np.float64) + 1000
    shifted = classification.measure(logits, labels, NAMES)
    assert shifted["nll"] == pytest.approx(scores["nll"], rel=1e-6)
    assert shifted["confusion"] == scores["confusion"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": [-1, -1]}, "None of the 2 images has a label"),
        ({"labels": [0, 7]}, "Label 7 is not one of 3"),
        ({"logits": np.array([[0, 1, 2], [0, np.nan, 2]])}, "1 of 2 images"),
        ({"logits": np.array([[0, 1, 2], [0, np.inf, 2]])}, "not finite"),
    ],
)
def test_what_cannot_be_scored(change, message):
    given = {"logits": np.zeros([2, 3]), "labels": [0, 1]} | change
    with pytest.raises(ValueError, match=message):
        classification.measure(**given, class_names=list("abc"))


def test_few_classes_have_no_top5_and_all_is_json():
    logits, labels = answers(k=5)
    scores = classification.measure(logits, labels, NAMES[:5])
    assert scores["top5"] is None
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_most_confused():
    confusion = [[9, 2, 0], [5, 1, 0], [0, 3, 7]]
    assert classification.most_confused(confusion, 2) == [(1, 0, 5), (2, 1, 3)]
    assert len(classification.most_confused(confusion)) == 3


def test_table_of_classes():
    confusion = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]])
    rows = classification.per_class(confusion, ["cat", "dog", "eel"])
    assert report.classes_table(rows).splitlines() == [
        "class  images  precision   recall       F1  most often taken for",
        "-----  ------  ---------  -------  -------  --------------------",
        "cat         4    100.0 %   75.0 %   85.7 %  dog (1)",
        "dog         0      0.0 %             0.0 %",
        "eel         2    100.0 %  100.0 %  100.0 %",
    ]


def test_of_many_classes_the_worst_and_the_best_are_listed():
    confusion = np.diag(np.arange(40)) + np.eye(40, k=1, dtype=int)
    rows = classification.per_class(confusion, [f"c{i}" for i in range(40)])
    lines = report.classes_table(rows).splitlines()
    assert lines[0] == "The 10 worst and 5 best classes of 40, by F1:"
    names = [line.split()[0] for line in lines[3:]]
    assert names == [f"c{i}" for i in [*range(10), *range(35, 40)]]


@pytest.mark.parametrize("k", [2, 20, 50, 200])
@pytest.mark.parametrize("wrong", [True, False])
def test_picture(tmp_path, k, wrong):
    names = ["$\\alpha", "an exceptionally long name of a class"]
    names += [f"$x_{i}$" for i in range(2, k)]
    logits, labels = answers(num=300, k=k, absent=[1])
    if not wrong:
        logits = certain(labels, k)
    mistakes = [(np.zeros([20, 30, 3], np.uint8), 0, 1, 0.9)] * 12
    confusion_sheet(
        tmp_path / "c.png",
        title="$run$",
        subtitle="",
        scores=classification.measure(logits, labels, names),
        class_names=names,
        mistakes=mistakes if wrong else [],
    )
    image = pixels(tmp_path / "c.png")
    assert has(image, page.BLUE) and has(image, page.RED) == wrong
    assert margin_is_white(image)
