"""From neighbours to answers, and from answers to a score: NumPy alone.

Letters: q = queries, k = neighbours, c = classes.
"""

import numpy as np

from simclr.messages.errors import InputError

# Of the weighted kNN that every evaluation has.
NEIGHBOURS, TEMPERATURE = 20, 0.1
# The label of an image whose class what is scored cannot answer with.
UNKNOWN_CLASS = -2


def weighted_class_scores(labels, similarity, num_classes, temperature):
    """Weighted votes of neighbours (Wu et al. 2018, arxiv.org/abs/1805.01978).

    Weights are exp(s / temperature) relative to the nearest neighbour's, so
    that no temperature overflows.

    Args:
        labels: int [q, k] of the neighbours, the most similar first.
        similarity: float [q, k], cosines s.
        num_classes: c.
        temperature: > 0.

    Returns:
        float32 [q, c].
    """
    weights = np.exp((similarity - similarity[:, :1]) / temperature)
    # Row and class as one number, so that a histogram adds up the votes.
    bins = np.arange(len(labels))[:, None] * num_classes + labels
    total = np.bincount(
        bins.ravel(), weights.ravel(), minlength=len(labels) * num_classes
    )
    return total.reshape(len(labels), num_classes).astype(np.float32)


def top_k_accuracy(scores, labels, k=1):
    """Share of rows whose label is among the k highest scores.

    Where classes tie for the last places, each has its share of a hit: scores
    that are all equal give k / c, chance level, whatever the order of classes.

    Args:
        scores: [q, c], higher is likelier; NaN counts as a miss.
        labels: int [q]; rows with -1 do not count, UNKNOWN_CLASS is a miss.
        k: places.

    Returns:
        float in [0, 1].

    Raises:
        InputError: no labelled row, a label outside [0, c), or k < 1.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1.")
    unknown = np.asarray(labels) == UNKNOWN_CLASS
    rows, labels = labelled_rows(np.where(unknown, 0, labels), scores.shape[1])
    scores = scores[rows]
    own = scores[np.arange(len(rows)), labels]
    own = np.where(unknown[rows], np.nan, own)[:, None]  # [q, 1]
    above = np.sum(scores > own, axis=1)
    equal = np.sum(scores == own, axis=1)  # Itself included; 0 for NaN.
    hits = np.clip((k - above) / np.maximum(equal, 1), 0, 1) * (equal > 0)
    return float(hits.mean())


def labelled_rows(labels, num_classes):
    """Rows that have a label (not -1), and their labels.

    Returns:
        rows: int64 [r]; labels: int64 [r] in [0, num_classes).

    Raises:
        InputError: there is none, or a label is outside [0, num_classes).
    """
    labels = np.asarray(labels, np.int64)
    rows = np.flatnonzero(labels != -1)
    if len(rows) == 0:
        raise InputError(f"None of the {len(labels)} images has a label.")
    labels = labels[rows]
    bad = labels[(labels < 0) | (labels >= num_classes)]
    if len(bad):
        raise InputError(
            f"Label {bad[0]} is not one of {num_classes} classes "
            f"(0 to {num_classes - 1}, or -1 for none)."
        )
    return rows, labels
