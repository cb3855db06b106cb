"""Linear probe: multinomial logistic regression on frozen features.

Full batch, L-BFGS, as SimCLR's transfer experiments do (Chen et al. 2020,
Appendix B.8); no augmentation, no learning rate, no schedule. The objective is
evaluated by TensorFlow in blocks, so that 10,000 rows on a laptop and a million
on a GPU take the same path.

Letters: m = training images, q = images to classify, f = features, c = classes.
"""

import dataclasses

import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf

from simclr.evaluation.accuracy import labelled_rows, top_k_accuracy
from simclr.evaluation.full_float32 import full_float32
from simclr.evaluation.split import held_out, parts
from simclr.messages.errors import InputError
from simclr.messages.progress import progress_bar

# Strengths tried, from strong to weak; each starts from the one before. The
# objective is a mean over rows, so they mean the same for any m.
_L2 = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
_BLOCK = 16384
# Of fewer rows a tenth is too few to choose by.
_FEW, _PARTS = 2000, 5
# Twice as many moved the accuracy by 0.2 % at most.
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class Probe:
    """A fitted linear classifier.

    Attributes:
        kernel: float32 [f, c], for raw (not standardised) features.
        bias: float32 [c]; -inf for a class without a training row.
        l2: strength chosen.
        num_rows: rows it was fitted on.
        note: what a reader of its accuracy must know; usually empty.
    """

    kernel: np.ndarray
    bias: np.ndarray
    l2: float
    num_rows: int
    note: str = ""

    def scores(self, h):
        """Logits float32 [q, c] of features `h` [q, f]."""
        blocks = [
            np.asarray(h[i : i + _BLOCK], np.float32) @ self.kernel + self.bias
            for i in range(0, len(h), _BLOCK)
        ]
        return (
            np.concatenate(blocks) if blocks else np.zeros([0, len(self.bias)])
        )


def fit_probe(
    train_h,
    train_labels,
    num_classes,
    *,
    max_rows=200_000,
    seed=0,
    progress=False,
):
    """Fits the probe; same input, same probe.

    Features are standardised. The L2 strength is the one with the best accuracy
    on a held-out tenth (of each class); of fewer than 2,000 rows the one with
    the lowest cross entropy over five parts, each held out once. Then all rows
    are fitted with it.

    Args:
        train_h: [m, f] features.
        train_labels: int [m]; rows with -1 take no part.
        num_classes: c.
        max_rows: with more labelled rows, a random subset of this many is used
            and the probe's note says so. 200,000 rows of 2048 features take
            3.3 GB while fitting.
        seed: chooses the held-out rows and the subset.
        progress: show a bar.

    Returns:
        Probe.

    Raises:
        InputError: fewer than two classes among the labels, a label outside
            [0, num_classes), or features that are not finite.
    """
    rows, labels = labelled_rows(train_labels, num_classes)
    present, y = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        raise InputError(
            f"All {len(rows)} labelled images are of class {present[0]}; a "
            "linear probe needs at least two classes."
        )
    rng = np.random.default_rng(seed)
    note = ""
    if len(rows) > max_rows:
        note = f"linear probe fitted on {max_rows:,} of {len(rows):,} images"
        keep = np.sort(rng.choice(len(rows), max_rows, replace=False))
        rows, y = rows[keep], y[keep]
        present, y = present[np.unique(y)], np.unique(y, return_inverse=True)[1]
    few = len(rows) < _FEW
    splits = parts(y, _PARTS, rng) if few else [held_out(y, rng)]
    x, mean, scale = _standardise(train_h, rows)

    with (
        full_float32(),
        progress_bar(shown=progress, desc="Linear probe", unit="it") as bar,
    ):
        l2, weights = _fit_with_best_l2(x, y, splits, len(present), bar)

    kernel = np.zeros([x.shape[1], num_classes], np.float32)
    bias = np.full([num_classes], -np.inf, np.float32)
    raw = weights[:-1] / scale[:, None]
    kernel[:, present] = raw
    bias[present] = weights[-1] - mean @ raw
    return Probe(kernel, bias, l2, len(rows), note)


def _standardise(h, rows):
    """Rows of `h` with mean 0 and deviation 1, float32, and both, float64."""
    x = np.array(h[rows], np.float32)
    mean = x.mean(axis=0, dtype=np.float64)
    if not np.all(np.isfinite(mean)):
        raise InputError("The features are not finite.")
    x -= mean.astype(np.float32)
    scale = np.sqrt(np.mean(np.square(x), axis=0, dtype=np.float64))
    # What is left of a constant dimension is rounding, which must stay tiny.
    constant = scale <= 1e-6 * np.abs(mean)
    scale[constant] = 1.0
    x /= scale.astype(np.float32)
    return x, mean, scale


def _fit_with_best_l2(x, y, splits, num_classes, bar):
    """Chooses the strength on what is held out, then fits all rows.

    By one split the best accuracy wins, the lower loss among equals. By several
    the lowest loss, as one row of few is per cents of accuracy.

    Args:
        x: float32 [m, f].
        y: int [m].
        splits: list of bool [m], what each holds out.
        num_classes: c.
        bar: progress bar.

    Returns:
        (l2, weights); see _fit.
    """
    inside = [_blocks(x, y, np.flatnonzero(~held)) for held in splits]
    outside = [np.flatnonzero(held) for held in splits]
    candidates = _L2
    if not len(outside[0]):  # One image a class: nothing to choose by.
        candidates = _L2[len(_L2) // 2 :][:1]
    weights = [np.zeros([x.shape[1] + 1, num_classes])] * len(splits)
    best, worse = None, 0
    for l2 in candidates:
        weights = [_fit(b, w, l2, bar) for b, w in zip(inside, weights)]
        score = _score(
            [_logits(x[rows], w) for rows, w in zip(outside, weights)],
            [y[rows] for rows in outside],
        )
        if best is None or score > best[0]:
            best, worse = (score, l2, weights[0]), 0
        else:
            worse += 1
        if worse == 2:  # Weaker ones take longest and only overfit more.
            break
    _, l2, weights = best
    return l2, _fit(inside[0] + _blocks(x, y, outside[0]), weights, l2, bar)


def _score(logits, labels):
    """How good a strength is, by rows that were not fitted; higher is better.

    Args:
        logits: list of float [b, c], of each split.
        labels: list of int [b].
    """
    if len(logits[0]) == 0:
        return 0.0, 0.0
    accuracy = top_k_accuracy(logits[0], labels[0]) if len(logits) == 1 else 0.0
    logits, labels = np.concatenate(logits), np.concatenate(labels)
    own = logits[np.arange(len(labels)), labels]
    return accuracy, -np.mean(scipy.special.logsumexp(logits, axis=1) - own)


def _logits(x, weights):
    return x @ weights[:-1].astype(np.float32) + weights[-1]


def _blocks(x, y, rows):
    """Tensors of at most _BLOCK rows; on a GPU they are moved there once."""
    some = np.split(rows, range(_BLOCK, len(rows), _BLOCK))
    return [(tf.constant(x[p]), tf.constant(y[p])) for p in some if len(p)]


def _fit(blocks, weights, l2, bar):
    """Minimises mean cross entropy + l2 / 2 |kernel|^2, from `weights`.

    Args:
        blocks: list of (x [b, f], y [b]).
        weights: float64 [f + 1, c], the kernel and, as its last row, the bias.
        l2: strength.
        bar: progress bar.

    Returns:
        New weights.
    """
    count = sum(len(y) for _, y in blocks)

    def objective(flat):
        w = flat.reshape(weights.shape)
        kernel = tf.constant(w[:-1], tf.float32)
        bias = tf.constant(w[-1], tf.float32)
        # Sums over blocks in float64.
        loss, gradient = 0.0, np.zeros_like(weights)
        for block in blocks:
            terms = _loss_and_gradient(kernel, bias, *block)
            loss += float(terms[0])
            gradient[:-1] += terms[1].numpy().T
            gradient[-1] += terms[2].numpy()
        loss = loss / count + 0.5 * l2 * np.sum(np.square(w[:-1]))
        gradient /= count
        gradient[:-1] += l2 * w[:-1]
        bar.set_postfix_str(f"l2 {l2:g}, loss {loss:.4f}", refresh=False)
        bar.update()
        return loss, gradient.ravel()

    result = scipy.optimize.minimize(
        objective,
        weights.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": _MAX_ITERATIONS,
            "ftol": _TOLERANCE,
            "gtol": 1e-5,
        },
    )
    return result.x.reshape(weights.shape)


@tf.function(reduce_retracing=True, autograph=False)
def _loss_and_gradient(kernel, bias, x, y):
    """Sums over a block; the kernel's gradient is [c, f], which is faster."""
    logits = tf.matmul(x, kernel) + bias
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    error = tf.nn.softmax(logits) - tf.one_hot(y, tf.shape(bias)[0])
    return (
        tf.reduce_sum(losses),
        tf.matmul(error, x, transpose_a=True),
        tf.reduce_sum(error, axis=0),
    )
