"""Slow, literal NumPy versions of the papers' equations, for tests only."""

import numpy as np


def nt_xent(z1, z2, temperature, negatives=(), normalize=True):
    """Eq. 1 and Algorithm 1 of Chen et al. 2020, one anchor at a time.

    Negatives of length 1 stand beside the other views.
    """
    z = np.concatenate([z1, z2]).astype(np.float64)
    if normalize:
        z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(len(z)):
        j = (i + len(z1)) % len(z)
        similarity = z @ z[i] / temperature
        others = np.delete(similarity, i)
        others = np.append(
            others, [row @ z[i] / temperature for row in negatives]
        )
        top = others.max()
        log_sum = top + np.log(np.exp(others - top).sum())
        losses.append(log_sum - similarity[j])
    return np.mean(losses)


def info_nce(z1, z2, temperature):
    """Of an anchor the other view's projections are the only candidates."""
    z1, z2 = (
        z / np.linalg.norm(z, axis=1, keepdims=True)
        for z in (np.float64(z1), np.float64(z2))
    )
    losses = []
    for anchors, others in ((z1, z2), (z2, z1)):
        for i in range(len(anchors)):
            similarity = [row @ anchors[i] / temperature for row in others]
            losses.append(np.log(np.sum(np.exp(similarity))) - similarity[i])
    return np.mean(losses)


def contrastive_accuracy(z1, z2, negatives=()):
    """Share of views whose nearest candidate is their match."""
    z = np.concatenate([z1, z2]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    hits = 0
    for i in range(len(z)):
        similarity = z @ z[i]
        similarity[i] = -np.inf
        similarity = np.append(similarity, [row @ z[i] for row in negatives])
        hits += np.argmax(similarity) == (i + len(z1)) % len(z)
    return hits / len(z)


def barlow_twins(z1, z2, trade_off, scaled="images"):
    """Eq. 1 and 2 of Zbontar et al. 2021, one entry of C at a time."""
    z1, z2 = np.float64(z1), np.float64(z2)
    if scaled == "features":
        z1, z2 = (np.stack([v / np.sqrt(v @ v) for v in z]) for z in (z1, z2))
    z1, z2 = (z - z.mean(0) for z in (z1, z2))
    if scaled != "none":
        z1, z2 = (z / np.sqrt(z.var(0) + 1e-5) for z in (z1, z2))
    loss = 0.0
    for i in range(z1.shape[1]):
        for j in range(z1.shape[1]):
            c = np.mean(z1[:, i] * z2[:, j])
            loss += (1 - c) ** 2 if i == j else trade_off * c**2
    return loss


def lars_step(
    w,
    g,
    v,
    *,
    learning_rate,
    momentum,
    weight_decay,
    trust_coefficient,
    variant,
    nesterov,
    excluded,
    excluded_lr_factor,
):
    """One step of a published LARS on one weight; returns its new (w, v)."""

    def trust(update):
        w_norm, u_norm = np.sqrt((w**2).sum()), np.sqrt((update**2).sum())
        if excluded or w_norm == 0 or u_norm == 0:
            return 1.0
        return trust_coefficient * w_norm / u_norm

    if excluded:
        learning_rate = learning_rate * excluded_lr_factor
    else:
        g = g + weight_decay * w
    if variant == "classic":
        g = learning_rate * trust(g) * g
        v = momentum * v + g
        return w - (momentum * v + g if nesterov else v), v
    if variant == "barlow":
        v = momentum * v + trust(g) * g
        return w - learning_rate * v, v
    v = momentum * v + g
    u = momentum * v + g if nesterov else v
    return w - learning_rate * trust(u) * u, v


def muon_step(
    w, g, v, *, learning_rate, momentum, excluded, excluded_lr_factor
):
    """One step of Muon on one kernel that keeps its norm; its new (w, v)."""
    v = momentum * v + g
    ahead = momentum * v + g
    if excluded:
        return w - learning_rate * excluded_lr_factor * ahead, v
    filters = w.shape[-1] if w.shape[-1] > 1 else w.shape[-2]
    x = ahead.reshape(-1, filters)
    x = x / np.sqrt((x**2).sum())
    for _ in range(5):
        # The same from either side: x x' x = x (x' x).
        square = x.T @ x
        x = 3.4445 * x + x @ (-4.775 * square + 2.0315 * square @ square)
    norm = np.sqrt((w**2).sum())
    w = w - learning_rate * norm * x.reshape(w.shape) / np.sqrt((x**2).sum())
    return norm * w / np.sqrt((w**2).sum()), v


def distillation(logits, teacher, label, temperature, alpha):
    """Eqs. 2 and 3 of Chen et al. 2020b, one image at a time."""
    total = 0.0
    for row, p, y in zip(logits.astype(np.float64), teacher, label):
        soft = row / temperature
        log_q = soft - soft.max() - np.log(np.exp(soft - soft.max()).sum())
        total -= alpha * temperature**2 * np.sum(p * log_q)
        if y >= 0:
            log_q = row - row.max() - np.log(np.exp(row - row.max()).sum())
            total -= (1 - alpha) * log_q[y]
    return total / len(logits)


def decoupled_nt_xent(z1, z2, temperature, trade_off):
    """Chen, Luo and Li 2021, log-sum-exp, one anchor at a time."""
    z1, z2 = z1.astype(np.float64), z2.astype(np.float64)
    z1 = z1 / np.linalg.norm(z1, axis=1, keepdims=True)
    z2 = z2 / np.linalg.norm(z2, axis=1, keepdims=True)
    z = np.concatenate([z1, z2])
    distribution = 0.0
    for anchor in z:
        similarity = z @ anchor / temperature
        top = similarity.max()
        log_sum = top + np.log(np.exp(similarity - top).sum())
        distribution += (log_sum - np.log(z.shape[1])) / len(z)
    return np.mean((z1 - z2) ** 2) / 2 + trade_off * distribution


def swd(z1, z2, prior, w, unit, trade_off):
    """Chen, Luo and Li 2021, sliced Wasserstein, one direction at a time."""
    z1, z2 = z1.astype(np.float64), z2.astype(np.float64)
    if unit:
        z1 = z1 / np.linalg.norm(z1, axis=1, keepdims=True)
        z2 = z2 / np.linalg.norm(z2, axis=1, keepdims=True)
        prior = prior / np.linalg.norm(prior, axis=1, keepdims=True)
    z = np.concatenate([z1, z2])
    distribution = 0.0
    for direction in w.T:
        gap = np.sort(z @ direction) - np.sort(prior @ direction)
        distribution += np.mean(gap**2) / len(w)
    return np.mean((z1 - z2) ** 2) / 2 + trade_off * distribution


def similarity_distillation(
    student, teacher, queue, temperature, teacher_temperature, own
):
    """Eq. 3 to 5 of SEED (Fang et al. 2021), one image at a time."""
    losses = []
    for s, t in zip(student, teacher):
        s, t = s / np.linalg.norm(s), t / np.linalg.norm(t)
        others = [q / np.linalg.norm(q) for q in queue] + [t] * own
        p = np.exp([q @ t / teacher_temperature for q in others])
        q = np.exp([q @ s / temperature for q in others])
        losses.append(-np.sum(p / p.sum() * np.log(q / q.sum())))
    return np.mean(losses)


def vicreg(z1, z2, invariance, variance, covariance):
    """Eq. 1 to 6 of Bardes, Ponce and LeCun 2022, as the paper scales them.

    The last three are its lambda, mu and nu; gamma is 1, epsilon 1e-4.
    """
    z1, z2 = np.float64(z1), np.float64(z2)
    n, d = z1.shape
    loss = 0.0
    for i in range(n):
        loss += invariance * np.sum((z1[i] - z2[i]) ** 2) / n
    for z in (z1, z2):
        mean = z.mean(0)
        for j in range(d):
            var = np.sum((z[:, j] - mean[j]) ** 2) / (n - 1)
            loss += variance * max(0, 1 - np.sqrt(var + 1e-4)) / d
        c = sum(np.outer(row - mean, row - mean) for row in z) / (n - 1)
        for i in range(d):
            for j in range(d):
                if i != j:
                    loss += covariance * c[i, j] ** 2 / d
    return loss
