"""Slow, literal NumPy versions of the papers' equations, for tests only."""

import numpy as np


def nt_xent(z1, z2, temperature):
    """Eq. 1 and Algorithm 1 of Chen et al. 2020, one anchor at a time."""
    z = np.concatenate([z1, z2]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(len(z)):
        j = (i + len(z1)) % len(z)
        similarity = z @ z[i] / temperature
        others = np.delete(similarity, i)
        top = others.max()
        log_sum = top + np.log(np.exp(others - top).sum())
        losses.append(log_sum - similarity[j])
    return np.mean(losses)


def contrastive_accuracy(z1, z2):
    """Share of views whose nearest other view is their match."""
    z = np.concatenate([z1, z2]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    hits = 0
    for i in range(len(z)):
        similarity = z @ z[i]
        similarity[i] = -np.inf
        hits += np.argmax(similarity) == (i + len(z1)) % len(z)
    return hits / len(z)
