"""Distillation of an encoder: its similarities, or its features themselves.

No label takes part. A loss is a mean over images that do not meet each other:
its mean over replicas is that of one big batch.

Shapes: n = images per replica, d = dimensions, q = images in the queue.
"""

import tensorflow as tf

from simclr.losses.inputs import at_least_float32
from simclr.messages.errors import InputError


def similarity_distillation(
    *,
    student,
    teacher,
    queue,
    temperature=0.1,
    teacher_temperature=0.05,
    own=True,
):
    """SEED (Fang et al. 2021, arXiv 2101.04731, Eq. 3 to 5).

        loss = -1/n sum_i sum_j P_T(j | i) log P_S(j | i)
        P_T(j | i) = softmax_j(<t_i, q_j> / T_t)
        P_S(j | i) = softmax_j(<s_i, q_j> / T_s)

    over the queue's teacher features q_j and, with `own`, t_i itself; all have
    length 1.

    Args:
        student: [n, d], of any length.
        teacher: [n, d], the same images; no gradient goes there.
        queue: [q, d], other images by the teacher; no gradient goes there.
        temperature: T_s > 0.
        teacher_temperature: T_t > 0.
        own: whether the image's own teacher features come last in the sums;
            not where the queue has them already.

    Returns:
        loss: scalar, the mean over this replica's images; float64 for a float64
            student, else float32. It is least, the mean entropy of P_T, where
            P_S equals P_T.
        scalars: {"divergence": the loss less that entropy, at least 0}.

    Raises:
        InputError: a temperature is not above 0.
    """
    _require_above_0(
        temperature=temperature, teacher_temperature=teacher_temperature
    )
    student, teacher, queue = _unit(student, teacher, queue)
    of_teacher = tf.matmul(teacher, queue, transpose_b=True)  # [n, q]
    of_student = tf.matmul(student, queue, transpose_b=True)
    if own:
        itself = tf.reduce_sum(teacher * teacher, 1, keepdims=True)
        both = tf.reduce_sum(student * teacher, 1, keepdims=True)
        of_teacher = tf.concat([of_teacher, itself], 1)  # [n, q + 1]
        of_student = tf.concat([of_student, both], 1)
    logits = of_teacher / teacher_temperature
    wanted = tf.nn.softmax(logits)
    losses = tf.nn.softmax_cross_entropy_with_logits(
        labels=wanted, logits=of_student / temperature
    )
    entropies = -tf.reduce_sum(wanted * tf.nn.log_softmax(logits), 1)
    return tf.reduce_mean(losses), {
        "divergence": tf.reduce_mean(losses - entropies)
    }


def feature_distillation(*, student, teacher, temperature=0.1):
    """One less the cosine of the student's and the teacher's features.

    Over the temperature, as similarities are: so its gradients are about as
    large as theirs, and one learning rate goes with both.

    Args:
        student: [n, d], of any length.
        teacher: [n, d], the same images; no gradient goes there.
        temperature: > 0.

    Returns:
        loss: scalar in [0, 2 / temperature], the mean over this replica's
            images; float64 for a float64 student, else float32.
        scalars: {}.

    Raises:
        InputError: the temperature is not above 0.
    """
    _require_above_0(temperature=temperature)
    return (1 - mean_cosine(student, teacher)) / temperature, {}


def mean_cosine(student, teacher):
    """The mean cosine of rows [n, d] of both, a scalar."""
    student, teacher = _unit(student, teacher)
    return tf.reduce_mean(tf.reduce_sum(student * teacher, 1))


def _require_above_0(**values):
    for name, value in values.items():
        if value <= 0:
            raise InputError(f"{name}={value} must be above 0.")


def _unit(student, *others):
    """Rows of length 1, at least float32; the others without a gradient."""
    student, *others = at_least_float32(student, *others)
    return [
        tf.math.l2_normalize(student, axis=1),
        *(
            tf.math.l2_normalize(
                tf.stop_gradient(tf.cast(x, student.dtype)), axis=1
            )
            for x in others
        ),
    ]
