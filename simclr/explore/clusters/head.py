"""A head that clusters frozen features: SCAN (Van Gansbeke et al. 2020).

Three pulls on one linear layer and its softmax: an image and its neighbours
are of the same cluster, all clusters are used, and then, image by image, the
head learns what it is sure of. arxiv.org/abs/2005.12320, Eq. 2 and Section 2.3;
there the whole net learns, here its features stay as they are.

Letters: n = images, d = dimensions, k = clusters, b = images in a batch, m =
neighbours of an image.
"""

import dataclasses

import faiss
import numpy as np
from scipy.special import softmax

MOST_ROWS = 50_000  # Images that a head learns from.
_NEIGHBOURS = 20  # Of each of them, as in the paper.
_ENTROPY = 5.0  # The paper's weight of the clusters' entropy.
_BATCH = 1024  # The entropy is of a batch: it should hold all clusters.
_RATE = 1e-2  # Adam's; the paper's 1e-4 is for a whole net.
_DECAY = 1e-4  # Of the weights, as in the paper.
_SURE = 0.99  # The paper's threshold for self-labelling on CIFAR-10.
# What stands for strong augmentation where only features are: so many of an
# image's features are dropped.
_DROPPED = 0.5


@dataclasses.dataclass(frozen=True)
class Head:
    """A linear layer.

    Attributes:
        kernel: float32 [d, k].
        bias: float32 [k].
        loss: float, of the last epoch; the lowest of several heads is best.
    """

    kernel: np.ndarray
    bias: np.ndarray
    loss: float

    def probabilities(self, x):
        """float32 [n, k] of features, float32 [n, d]."""
        return softmax(x @ self.kernel + self.bias, axis=1)


def clusters(rows, k, *, seed):
    """A head for rows of any scale, trained by both ways below.

    Args:
        rows: float32 [n, d].
        k: clusters.
        seed: int.

    Returns:
        Head of these rows as they are, without the clusters that none is in.
        float32 [k', d], the mean of each cluster; k' <= k.
    """
    scale = 1 / rows.std()
    _, near = faiss.knn(
        rows, rows, _NEIGHBOURS + 1, metric=faiss.METRIC_INNER_PRODUCT
    )
    x = rows * scale
    found = self_label(fit(x, near[:, 1:], k, seed=seed), x, seed=seed)
    used = np.unique(found.probabilities(x).argmax(axis=1))
    found = Head(found.kernel[:, used] * scale, found.bias[used], found.loss)
    label = found.probabilities(rows).argmax(axis=1)
    means = [rows[label == i].mean(axis=0) for i in range(len(used))]
    return found, np.array(means, np.float32)


def place(rows, centroids, nearest, head):
    """The cluster of every row, by a head.

    A head knows the first clusters alone. A row that is nearest to one of the
    others, which were born since, is in that one.

    Args:
        rows: float [n, d].
        centroids: float32 [k, d].
        nearest: int32 [n], as kmeans.nearest gives it.
        head: Head of k' <= k clusters.

    Returns:
        cluster: int32 [n], rows of `centroids`.
        distance: float32 [n], to that centroid.
    """
    said = head.probabilities(rows).argmax(axis=1)
    cluster = np.where(nearest < len(head.bias), said, nearest).astype(np.int32)
    distance = np.linalg.norm(rows - centroids[cluster], axis=1)
    return cluster, distance.astype(np.float32)


def fit(x, neighbours, k, *, heads=5, epochs=30, least_steps=1000, seed=0):
    """Trains heads on neighbours and keeps the one of the lowest loss.

    Args:
        x: float32 [n, d], features of about unit variance.
        neighbours: int [n, m], the rows nearest to each, without itself.
        k: clusters.
        heads: how many begin, each from a seed of its own.
        epochs: each image is an anchor once in each.
        least_steps: few images have more epochs, so that there are so many.
        seed: int.

    Returns:
        Head.
    """
    epochs = max(epochs, -(-least_steps // -(-len(x) // _BATCH)))
    tried = [
        _fit_one(x, neighbours, k, epochs, np.random.default_rng([seed, i]))
        for i in range(heads)
    ]
    return min(tried, key=lambda head: head.loss)


def self_label(head, x, *, epochs=10, seed=0):
    """Trains a head on its own sure answers, with features dropped.

    Clusters weigh the same, however many images are sure of them (Section
    2.3).

    Args:
        head: Head.
        x: float32 [n, d].
        epochs, seed: as in `fit`.

    Returns:
        Head; the same one where it is sure of no image.
    """
    rng = np.random.default_rng([seed, 1 << 20])
    step = _Adam(head.kernel, head.bias)
    loss = head.loss
    for _ in range(epochs):
        losses = []
        for rows in _batches(len(x), rng):
            clean = softmax(x[rows] @ step.kernel + step.bias, axis=1)
            sure = clean.max(1) > _SURE
            if not sure.any():
                continue
            label = clean[sure].argmax(1)
            kept = rng.random(x[rows][sure].shape) >= _DROPPED
            some = x[rows][sure] * kept / (1 - _DROPPED)
            p = softmax(some @ step.kernel + step.bias, axis=1)
            weight = 1 / np.bincount(label, minlength=p.shape[1])[label]
            weight /= weight.sum()
            losses.append(-(weight * np.log(_of(p, label))).sum())
            p[np.arange(len(p)), label] -= 1
            step(some, p * weight[:, None])
        loss = np.mean(losses) if losses else loss
    return Head(step.kernel, step.bias, float(loss))


def scan_loss(p, q):
    """Eq. 2 of the paper, of a batch, and its gradient.

    Args:
        p: float [b, k], probabilities of images.
        q: float [b, k], of a neighbour of each.

    Returns:
        loss: float.
        float [b, k] each: its gradients to the logits of p and of q.
    """
    same = np.maximum((p * q).sum(1, keepdims=True), 1e-12)
    shares = np.maximum(p.mean(0), 1e-12)
    entropy = -(shares * np.log(shares)).sum()
    loss = -np.log(same).mean() - _ENTROPY * entropy
    together = p * q / same
    to_shares = _ENTROPY * (np.log(shares) + 1)
    pull = p * (to_shares - (p * to_shares).sum(1, keepdims=True))
    return float(loss), (p - together + pull) / len(p), (q - together) / len(p)


def _fit_one(x, neighbours, k, epochs, rng):
    kernel = rng.normal(0, 1 / np.sqrt(x.shape[1]), [x.shape[1], k])
    step = _Adam(kernel.astype("f"), np.zeros([k], "f"))
    for _ in range(epochs):
        losses = []
        for rows in _batches(len(x), rng):
            pick = rng.integers(neighbours.shape[1], size=len(rows))
            both = np.concatenate([x[rows], x[neighbours[rows, pick]]])
            p = softmax(both @ step.kernel + step.bias, axis=1)
            loss, *gradients = scan_loss(p[: len(rows)], p[len(rows) :])
            step(both, np.concatenate(gradients))
            losses.append(loss)
    return Head(step.kernel, step.bias, float(np.mean(losses)))


def _batches(n, rng):
    """Yields int [b], all rows once, in as equal parts as can be."""
    order = rng.permutation(n)
    yield from np.array_split(order, -(-n // _BATCH))


def _of(p, label):
    return np.maximum(p[np.arange(len(p)), label], 1e-12)


class _Adam:
    """A linear layer, and Adam's steps on it (Kingma and Ba 2015)."""

    def __init__(self, kernel, bias):
        self.kernel, self.bias = kernel.copy(), bias.copy()
        self._moments = [np.zeros_like(kernel), np.zeros_like(kernel)]
        self._bias_moments = [np.zeros_like(bias), np.zeros_like(bias)]
        self._count = 0

    def __call__(self, x, to_logits):
        """A step along a gradient to the logits."""
        self._count += 1
        gradient = x.T @ to_logits + _DECAY * self.kernel
        self._move(self.kernel, gradient, self._moments)
        self._move(self.bias, to_logits.sum(0), self._bias_moments)

    def _move(self, weights, gradient, moments):
        first, second = moments
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        mean = first / (1 - 0.9**self._count)
        scale = np.sqrt(second / (1 - 0.999**self._count)) + 1e-8
        weights -= _RATE * mean / scale
