"""Distillation on a teacher's probabilities (SimCLRv2, arXiv 2006.10029).

Shapes: n = images per replica, k = classes.
"""

import tensorflow as tf

from simclr.losses.inputs import at_least_float32
from simclr.messages.errors import InputError


def distillation(
    *, logits, teacher_probabilities, label=None, temperature=1.0, alpha=1.0
):
    """The paper's Eq. 2 and, with alpha below 1, Eq. 3.

    loss = -alpha T^2 mean_i sum_y P(y|x_i; T) log Q(y|x_i; T)
           - (1 - alpha) / n sum_{i labelled} log Q(y_i|x_i)

    with the teacher's P and the student's Q. Both sums are over the same
    images, as in the paper: where one image in a hundred has a label, the
    second term is that much smaller. T^2 keeps the gradient's size as T grows
    (Hinton et al. 2015, arXiv 1503.02531; the published notebook has it too).

    Args:
        logits: [n, k] of the student.
        teacher_probabilities: [n, k] at the same temperature; no gradient goes
            there.
        label: int32 [n], -1 for none; may be None at alpha 1.
        temperature: T > 0.
        alpha: weight of the teacher, in [0, 1].

    Returns:
        loss: scalar, the mean over this replica's images; float64 for float64
            logits, else float32. It is least, the teacher's entropy times T^2,
            where Q equals P (alpha 1).
        agreement: scalar, share of the images whose likeliest class is the
            teacher's.

    Raises:
        InputError: temperature or alpha out of range, or no labels.
    """
    if temperature <= 0:
        raise InputError(f"temperature={temperature} must be above 0.")
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha={alpha} must lie in [0, 1].")
    if alpha < 1 and label is None:
        raise InputError(f"alpha={alpha} needs labels.")
    logits, teacher = at_least_float32(logits, teacher_probabilities)
    teacher = tf.stop_gradient(tf.cast(teacher, logits.dtype))
    losses = (
        alpha
        * temperature**2
        * tf.nn.softmax_cross_entropy_with_logits(
            labels=teacher, logits=logits / temperature
        )
    )
    if alpha < 1:
        of_label = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.maximum(label, 0), logits=logits
        )
        known = tf.cast(label >= 0, logits.dtype)
        losses += (1 - alpha) * known * of_label
    same = tf.argmax(logits, axis=1) == tf.argmax(teacher, axis=1)
    return tf.reduce_mean(losses), tf.reduce_mean(tf.cast(same, logits.dtype))
