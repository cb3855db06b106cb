"""Nearest neighbours by cosine similarity: the kNN classifier, and a look-up.

Letters: m = images to search among, q = queries, f = features, c = classes.
"""

import numpy as np
import tensorflow as tf

from simclr.evaluation.accuracy import (
    NEIGHBOURS,
    TEMPERATURE,
    labelled_rows,
    weighted_class_scores,
)
from simclr.evaluation.full_float32 import full_float32
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar

# Rows of a block; their similarities take 1024 x 16384 x 4 bytes = 64 MiB,
# however many images there are.
_QUERIES = 1024
_CANDIDATES = 16384


def knn_predict(
    train_h,
    train_labels,
    test_h,
    num_classes,
    k=NEIGHBOURS,
    temperature=TEMPERATURE,
    progress=False,
):
    """Weighted kNN classification (Wu et al. 2018, arxiv.org/abs/1805.01978).

    Each of the k most similar training images votes for its label with weight
    exp(s / temperature), s the cosine similarity (Section 3.4). Weights are
    relative to the nearest neighbour's, so that no temperature overflows.

    Args:
        train_h: [m, f] features to search among.
        train_labels: int [m]; rows with -1 take no part.
        test_h: [q, f] features to classify.
        num_classes: c.
        k: neighbours that vote; all of them where there are fewer.
        temperature: > 0; smaller trusts the nearest more.
        progress: show a bar.

    Returns:
        float32 [q, c], the sum of votes; 0 for a class without a neighbour.

    Raises:
        InputError: no labelled row, a label outside [0, num_classes), k < 1,
            temperature <= 0, or features that are not finite.
    """
    if temperature <= 0:
        raise InputError(f"temperature is {temperature}; it must be > 0.")
    rows, labels = labelled_rows(train_labels, num_classes)
    if len(rows) < len(train_h):  # A copy only where it is needed.
        train_h = train_h[rows]
    index, similarity = nearest(train_h, test_h, k, progress=progress)
    return weighted_class_scores(
        labels[index], similarity, num_classes, temperature
    )


def neighbours(h, queries, k=8, progress=False):
    """The k images most similar to each query, itself left out.

    Args:
        h: [m, f] features.
        queries: int [q], rows of `h`.
        k: neighbours; all others where there are fewer.
        progress: show a bar.

    Returns:
        index: int64 [q, k], rows of `h`, the most similar first; an equal
            one (a duplicate, say) with the smaller index first.
        similarity: float32 [q, k], cosines in [-1, 1].

    Raises:
        InputError: k < 1, fewer than 2 images, a query that is no row of `h`,
            or features that are not finite.
    """
    queries = np.asarray(queries, np.int64)
    if len(h) < 2:
        raise InputError(f"{len(h)} image(s): there are no neighbours.")
    outside = (queries < 0) | (queries >= len(h))
    if np.any(outside):
        raise InputError(
            f"Query {queries[outside][0]} is not one of {len(h)} images."
        )
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1.")
    index, similarity = nearest(h, h[queries], k + 1, progress=progress)
    itself = index == queries[:, None]
    # Among more than k duplicates it may be missing: then the last one goes.
    itself[~itself.any(axis=1), -1] = True
    shape = len(queries), index.shape[1] - 1
    return index[~itself].reshape(shape), similarity[~itself].reshape(shape)


def nearest(h, query_h, k, progress=False):
    """The k rows of `h` most similar to each row of `query_h`.

    Exact, in blocks: memory does not grow with m x q. Rows of zeros have
    similarity 0 to everything.

    Args:
        h: [m, f] features.
        query_h: [q, f] features.
        k: neighbours; m where there are fewer.
        progress: show a bar.

    Returns:
        index: int64 [q, min(k, m)], the most similar first, and the smaller
            index first among equals.
        similarity: float32 [q, min(k, m)].

    Raises:
        InputError: k < 1, no row to search among, widths that differ, or
            features that are not finite.
    """
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1.")
    if len(h) == 0:
        raise InputError("There is no image to search among.")
    if h.shape[1] != query_h.shape[1]:
        raise InputError(
            f"Features of {h.shape[1]} and of {query_h.shape[1]} dimensions "
            "cannot be compared."
        )
    k = min(k, len(h))
    index = np.zeros([len(query_h), 0], np.int64)
    similarity = np.zeros([len(query_h), 0], np.float32)
    starts = range(0, len(h), _CANDIDATES)
    with full_float32():
        for start in progress_bar(starts, shown=progress, desc="Neighbours"):
            block = tf.constant(_unit(h[start : start + _CANDIDATES]))
            found = [
                _top_k(tf.constant(_unit(query_h[i : i + _QUERIES])), block, k)
                for i in range(0, len(query_h), _QUERIES)
            ]
            if not found:  # No query.
                break
            value, column = (np.concatenate(x) for x in zip(*found))
            similarity = np.concatenate([similarity, value], axis=1)
            index = np.concatenate([index, start + column], axis=1)
            # Stable: earlier blocks, and so smaller indices, win among equals.
            best = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
            similarity = np.take_along_axis(similarity, best, axis=1)
            index = np.take_along_axis(index, best, axis=1)
    return index, similarity


@tf.function(reduce_retracing=True, autograph=False)
def _best(queries, candidates, k):
    similarity = tf.matmul(queries, candidates, transpose_b=True)
    return tf.math.top_k(similarity, tf.minimum(k, tf.shape(candidates)[0]))


def _top_k(queries, candidates, k):
    value, column = _best(queries, candidates, tf.constant(k))
    return value.numpy(), column.numpy()


def _unit(h):
    """Rows scaled to length 1, as float32; rows of zeros stay."""
    h = np.asarray(h, np.float32)
    length = np.linalg.norm(h, axis=1, keepdims=True)
    if not np.all(np.isfinite(length)):
        count = np.sum(~np.isfinite(length))
        raise InputError(f"{count} row(s) of features are not finite.")
    return h / np.maximum(length, 1e-12)
