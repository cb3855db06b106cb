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
import tensorflow as tf
from tqdm import tqdm

from simclr.evaluation.knn import labelled_rows, top_k_accuracy
from simclr.evaluation.precision import full_float32

# Strengths tried, from strong to weak; each starts from the one before. The
# objective is a mean over rows, so they mean the same for any m.
_L2 = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_HELD_OUT = 0.1
_BLOCK = 16384
# Accuracy stood still long before (BUILD_NOTES.md).
_MAX_ITERATIONS = 200
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
    on a held-out tenth (of each class); then all rows are fitted with it.

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
        ValueError: fewer than two classes among the labels, a label outside
            [0, num_classes), or features that are not finite.
    """
    rows, labels = labelled_rows(train_labels, num_classes)
    present, y = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        raise ValueError(
            f"All {len(rows)} labelled images are of class {present[0]}; a "
            "linear probe needs at least two classes."
        )
    rng = np.random.default_rng(seed)
    note = ""
    if len(rows) > max_rows:
        note = f"linear probe fitted on {max_rows:,} of {len(rows):,} images"
        keep = np.sort(rng.choice(len(rows), max_rows, replace=False))
        rows, y = rows[keep], y[keep]
    x, mean, scale = _standardise(train_h, rows)

    with (
        full_float32(),
        tqdm(desc="Linear probe", unit="it", disable=not progress) as bar,
    ):
        held_out = _held_out(y, rng)
        l2 = _choose_l2(x, y, held_out, len(present), bar)
        weights = _fit(x, y, len(present), l2, bar=bar)

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
        raise ValueError("The features are not finite.")
    x -= mean.astype(np.float32)
    scale = np.sqrt(np.mean(np.square(x), axis=0, dtype=np.float64))
    # What is left of a constant dimension is rounding; it must stay tiny.
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, 1.0)
    scale = np.where(scale > 0, scale, 1.0)
    x /= scale.astype(np.float32)
    return x, mean, scale


def _held_out(y, rng):
    """bool [m]: a tenth of each class, at least one; singletons stay in."""
    held_out = np.zeros(len(y), bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        if len(rows) > 1:
            held_out[rows[: max(1, round(_HELD_OUT * len(rows)))]] = True
    return held_out


def _choose_l2(x, y, held_out, num_classes, bar):
    """The strength with the best held-out accuracy; the lower loss if equal."""
    if not held_out.any():  # One image a class: nothing to choose by.
        return _L2[len(_L2) // 2]
    inside_x, inside_y = x[~held_out], y[~held_out]
    outside_x, outside_y = x[held_out], y[held_out]
    weights, best, worse = None, None, 0
    for l2 in _L2:
        weights = _fit(inside_x, inside_y, num_classes, l2, weights, bar)
        logits = outside_x @ weights[:-1].astype(np.float32) + weights[-1]
        loss = scipy.special.logsumexp(logits, axis=1).mean()
        loss -= logits[np.arange(len(logits)), outside_y].mean()
        score = (top_k_accuracy(logits, outside_y), -loss)
        if best is None or score > best[0]:
            best, worse = (score, l2), 0
        else:
            worse += 1
        if worse == 2:  # Weaker ones take longest and only overfit more.
            break
    return best[1]


def _fit(x, y, num_classes, l2, weights=None, bar=None):
    """Minimises mean cross entropy + l2 / 2 |kernel|^2, from `weights`.

    Returns:
        float64 [f + 1, c], the kernel and, as its last row, the bias.
    """
    shape = x.shape[1] + 1, num_classes
    start = np.zeros(shape) if weights is None else weights
    blocks = [
        (tf.constant(x[i : i + _BLOCK]), tf.constant(y[i : i + _BLOCK]))
        for i in range(0, len(x), _BLOCK)
    ]

    def objective(flat):
        w = flat.reshape(shape)
        kernel = tf.constant(w[:-1], tf.float32)
        bias = tf.constant(w[-1], tf.float32)
        # Sums over blocks in float64.
        loss, gradient = 0.0, np.zeros(shape)
        for block in blocks:
            terms = _loss_and_gradient(kernel, bias, *block)
            loss += float(terms[0])
            gradient[:-1] += terms[1].numpy().T
            gradient[-1] += terms[2].numpy()
        gradient /= len(x)
        gradient[:-1] += l2 * w[:-1]
        loss = loss / len(x) + 0.5 * l2 * np.sum(np.square(w[:-1]))
        if bar is not None:
            bar.set_postfix_str(f"l2 {l2:g}, loss {loss:.4f}", refresh=False)
            bar.update()
        return loss, gradient.ravel()

    result = scipy.optimize.minimize(
        objective,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": _MAX_ITERATIONS,
            "ftol": _TOLERANCE,
            "gtol": 1e-5,
        },
    )
    return result.x.reshape(shape)


@tf.function(reduce_retracing=True)
def _loss_and_gradient(kernel, bias, x, y):
    """Sums over a block; the kernel's gradient comes as [c, f]: it is faster."""
    logits = tf.matmul(x, kernel) + bias
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    error = tf.nn.softmax(logits) - tf.one_hot(y, tf.shape(bias)[0])
    return (
        tf.reduce_sum(losses),
        tf.matmul(error, x, transpose_a=True),
        tf.reduce_sum(error, axis=0),
    )
