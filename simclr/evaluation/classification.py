"""How good a classifier is: accuracy, confusion, calibration.

Letters: q = images, k = classes, b = bins of confidence. Probabilities are the
softmax of the logits; logarithms of probabilities do as logits too.
"""

import numpy as np

from simclr.evaluation.accuracy import (
    UNKNOWN_CLASS,
    labelled_rows,
    top_k_accuracy,
)
from simclr.messages.errors import InputError

_BINS = 15  # Guo et al. 2017.


def measure(logits, labels, class_names):
    """Everything there is to say about the logits of labelled images.

    Args:
        logits: float [q, k].
        labels: int [q]; rows with -1 do not count. UNKNOWN_CLASS is a mistake
            in top1, top5, ece and reliability; the others say nothing of it.
        class_names: list of str [k].

    Returns:
        dict, as it goes into results.json:
        "top1", "top5": shares in [0, 1]; see accuracy.top_k_accuracy. top5 is
            None for five classes or fewer, where it says nothing.
        "unknown": images of UNKNOWN_CLASS.
        "ece": expected calibration error, in [0, 1].
        "nll": mean negative log-likelihood of the labels, nats; logits that
            are all equal give log(k).
        "per_class": see per_class.
        "confusion": see confusion_matrix, as lists.
        "reliability": see reliability.

    Raises:
        InputError: no row whose class is one of k, a label outside [0, k), or
            logits of labelled rows that are not finite.
    """
    labels = np.asarray(labels)
    k, counted = logits.shape[1], np.flatnonzero(labels != -1)
    known, its_label = labelled_rows(
        np.where(labels == UNKNOWN_CLASS, -1, labels), k
    )
    predicted, confidence = predict(logits[counted])
    bins = reliability(confidence, predicted == labels[counted])
    confusion = confusion_matrix(logits[known].argmax(axis=1), its_label, k)
    return {
        "top1": top_k_accuracy(logits, labels),
        "top5": top_k_accuracy(logits, labels, 5) if k > 5 else None,
        "unknown": len(counted) - len(known),
        "ece": calibration_error(bins),
        "nll": negative_log_likelihood(logits[known], its_label),
        "per_class": per_class(confusion, class_names),
        "confusion": confusion.tolist(),
        "reliability": bins,
    }


def predict(logits):
    """The likeliest class and its probability.

    Args:
        logits: float [q, k].

    Returns:
        predicted: int64 [q]; the smaller number among equals.
        confidence: float64 [q], in [1/k, 1].

    Raises:
        InputError: logits that are not finite.
    """
    shifted = _shifted(logits)
    total = np.exp(shifted).sum(axis=1, dtype=np.float64)
    return logits.argmax(axis=1), 1 / total


def negative_log_likelihood(logits, labels):
    """Mean cross entropy, nats.

    Args:
        logits: float [q, k].
        labels: int [q], in [0, k).

    Returns:
        float, >= 0.

    Raises:
        InputError: logits that are not finite.
    """
    shifted = _shifted(logits)
    total = np.exp(shifted).sum(axis=1, dtype=np.float64)
    own = shifted[np.arange(len(labels)), labels]
    return float(np.mean(np.log(total) - own))


def confusion_matrix(predicted, labels, num_classes):
    """Counts of (true class, predicted class).

    Args:
        predicted: int [q], in [0, k).
        labels: int [q], in [0, k).
        num_classes: k.

    Returns:
        int64 [k, k], a row for a true class, a column for a predicted one.
    """
    cells = np.asarray(labels, np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def per_class(confusion, class_names):
    """Precision, recall and F1 of each class.

    Args:
        confusion: int [k, k], see confusion_matrix.
        class_names: list of str [k].

    Returns:
        list of k dicts: "name"; "count", images of the class; "precision",
        share of the right ones among images called so; "recall", share of
        them among its images; "f1", their harmonic mean; "confused_with", the
        name that its images are most often given by mistake; "confused",
        their number. A share of nothing is None: recall of a class without
        images, precision of one never predicted. f1 is None only without
        both.
    """
    hits = np.diag(confusion)
    counts, guesses = confusion.sum(axis=1), confusion.sum(axis=0)
    mistakes = confusion - np.diag(hits)
    worst = mistakes.argmax(axis=1)
    return [
        {
            "name": name,
            "count": int(counts[i]),
            "precision": _share(hits[i], guesses[i]),
            "recall": _share(hits[i], counts[i]),
            "f1": _share(2 * hits[i], counts[i] + guesses[i]),
            "confused_with": class_names[worst[i]]
            if mistakes[i, worst[i]]
            else None,
            "confused": int(mistakes[i, worst[i]]),
        }
        for i, name in enumerate(class_names)
    ]


def most_confused(confusion, count=10):
    """The pairs of classes that are mistaken most often.

    Args:
        confusion: int [k, k], see confusion_matrix.
        count: how many pairs at most.

    Returns:
        list of (true class, predicted class, number of images), the most
        first; only pairs with mistakes.
    """
    mistakes = np.array(confusion)
    np.fill_diagonal(mistakes, 0)
    cells = np.argsort(-mistakes, axis=None, kind="stable")[:count]
    pairs = zip(*np.unravel_index(cells, mistakes.shape))
    return [
        (int(i), int(j), int(mistakes[i, j]))
        for i, j in pairs
        if mistakes[i, j]
    ]


def reliability(confidence, correct, num_bins=_BINS):
    """How often a classifier is right when it is so sure.

    Args:
        confidence: float [q], of the predicted class, in (0, 1].
        correct: bool [q].
        num_bins: b, bins of equal width, ((i - 1) / b, i / b].

    Returns:
        list of b dicts: "count", and where it is not 0 the means "confidence"
        and "accuracy", else None.
    """
    edges = np.arange(1, num_bins) / num_bins
    index = np.searchsorted(edges, confidence, side="left")
    counts, sure, right = (
        np.bincount(index, weights, minlength=num_bins)
        for weights in (None, confidence, correct)
    )
    return [
        {
            "count": int(counts[i]),
            "confidence": _share(sure[i], counts[i]),
            "accuracy": _share(right[i], counts[i]),
        }
        for i in range(num_bins)
    ]


def calibration_error(bins):
    """Expected calibration error, Eq. 3 of Guo et al. 2017 (arXiv 1706.04599).

    ECE = sum_i count_i / q * |accuracy_i - confidence_i|

    Args:
        bins: see reliability.

    Returns:
        float in [0, 1]: certainty that is right in a share a of cases has
        1 - a.
    """
    total = sum(row["count"] for row in bins)
    return sum(
        row["count"] / total * abs(row["accuracy"] - row["confidence"])
        for row in bins
        if row["count"]
    )


def _shifted(logits):
    """Logits less their row's largest, so that no exponential overflows."""
    bad = ~np.isfinite(logits).all(axis=1)
    if bad.any():
        raise InputError(
            f"The logits of {bad.sum()} of {len(logits)} images are not finite."
        )
    return logits - logits.max(axis=1, keepdims=True)


def _share(part, whole):
    return float(part / whole) if whole else None
