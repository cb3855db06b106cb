"""Slow, literal NumPy versions of what the evaluation computes."""

import numpy as np


def knn_votes(train_h, train_labels, test_h, num_classes, k, temperature):
    """Wu et al. 2018, Section 3.4, one test image and one vote at a time."""
    scores = np.zeros([len(test_h), num_classes])
    for i, h in enumerate(test_h):
        found = []
        for j, other in enumerate(train_h):
            if train_labels[j] >= 0:
                cosine = h @ other
                cosine /= np.linalg.norm(h) * np.linalg.norm(other)
                found.append((-cosine, j))
        for negative, j in sorted(found)[:k]:
            scores[i, train_labels[j]] += np.exp(-negative / temperature)
    return scores


def logistic_regression(x, y, num_classes, l2):
    """Minimum of mean cross entropy + l2/2 |kernel|^2, by Newton's method.

    Returns float64 [f + 1, c]: the kernel and, as its last row, the bias,
    which is not penalised. Biases are shifted to mean 0.
    """
    x1 = np.concatenate([x, np.ones([len(x), 1])], axis=1).astype(np.float64)
    targets = np.eye(num_classes)[y]
    penalty = np.full([x1.shape[1], num_classes], l2)
    penalty[-1] = 0
    w = np.zeros_like(penalty)
    for _ in range(12):
        e = np.exp(x1 @ w)
        p = e / e.sum(axis=1, keepdims=True)
        gradient = x1.T @ (p - targets) / len(x) + penalty * w
        size = w.size
        hessian = np.zeros([size, size])
        for row, q in zip(x1, p):
            curvature = np.diag(q) - np.outer(q, q)
            hessian += np.kron(np.outer(row, row), curvature) / len(x)
        hessian += np.diag(penalty.ravel())
        # A common shift of the biases changes nothing: lstsq leaves it alone.
        step = np.linalg.lstsq(hessian, gradient.ravel(), rcond=1e-12)[0]
        w -= step.reshape(w.shape)
    w[-1] -= w[-1].mean()
    return w


def effective_rank(h):
    """Roy & Vetterli 2007, Eq. 2-3."""
    entropy, values = 0.0, np.linalg.svd(h.astype(float), compute_uv=False)
    for value in values:
        p = value / values.sum()
        if p > 0:
            entropy -= p * np.log(p)
    return np.exp(entropy)


def alignment(h1, h2):
    """Wang & Isola 2020, Eq. 4 with alpha = 2."""
    total = 0.0
    for a, b in zip(h1, h2):
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        total += np.sum((a - b) ** 2)
    return total / len(h1)


def uniformity(h):
    """Wang & Isola 2020, Eq. 5 with t = 2, over pairs of different images."""
    u = [row / np.linalg.norm(row) for row in h]
    kernel = [
        np.exp(-2 * np.sum((u[i] - u[j]) ** 2))
        for i in range(len(u))
        for j in range(i)
    ]
    return np.log(np.mean(kernel))


def softmax(z):
    e = np.exp(np.asarray(z, float) - np.max(z))
    return e / e.sum()


def classes(predicted, labels, num_classes):
    """(precision, recall, F1) of each class by their words; nan for 0 / 0."""
    table = []
    with np.errstate(invalid="ignore"):
        for c in range(num_classes):
            right = sum((p, y) == (c, c) for p, y in zip(predicted, labels))
            called = np.float64(sum(p == c for p in predicted))
            there = np.float64(sum(y == c for y in labels))
            f1 = 2 * right / (called + there)
            table.append((right / called, right / there, f1))
    return table


def calibration_error(logits, labels, num_bins):
    """Guo et al. 2017, Eq. 3, bins ((m - 1) / M, m / M] one by one."""
    rows = [softmax(z) for z in logits]
    total = 0.0
    for m in range(1, num_bins + 1):
        inside = [
            (p.max(), p.argmax() == y)
            for p, y in zip(rows, labels)
            if (m - 1) / num_bins < p.max() <= m / num_bins
        ]
        if inside:
            confidence, right = np.mean(inside, axis=0)
            total += len(inside) / len(rows) * abs(right - confidence)
    return total


def neighbour_agreement(h, other, k):
    """Share of the k nearest that two nets have in common, image by image."""
    shares = []
    for i in range(len(h)):
        sets = []
        for features in (h, other):
            cosines = []
            for j in range(len(features)):
                if j != i:
                    cosine = features[i] @ features[j]
                    cosine /= np.linalg.norm(features[i])
                    cosine /= np.linalg.norm(features[j])
                    cosines.append((-cosine, j))
            sets.append({j for _, j in sorted(cosines)[:k]})
        shares.append(len(sets[0] & sets[1]) / len(sets[0]))
    return np.mean(shares)
