"""Distillation of an encoder's similarities and features, against a twin."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.losses.distilling.encoder_distillation import (
    feature_distillation,
    mean_cosine,
    similarity_distillation,
)
from simclr.messages.errors import InputError
from tests import reference

RNG = np.random.default_rng(0)
STUDENT, TEACHER = RNG.normal(size=(2, 6, 5))
QUEUE = RNG.normal(size=(9, 5))


def similarities(student=STUDENT, teacher=TEACHER, queue=QUEUE, **options):
    options = {"temperature": 0.5, "teacher_temperature": 0.3, **options}
    return similarity_distillation(
        student=student, teacher=teacher, queue=queue, **options
    )


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("temperatures", [(0.5, 0.3), (0.1, 0.05)])
def test_similarities_are_the_papers(own, temperatures):
    expected = reference.similarity_distillation(
        STUDENT, TEACHER, QUEUE, *temperatures, own
    )
    loss, _ = similarities(
        own=own,
        temperature=temperatures[0],
        teacher_temperature=temperatures[1],
    )
    assert loss.dtype == tf.float64
    np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_least_where_the_student_is_the_teacher():
    options = {"temperature": 0.2, "teacher_temperature": 0.2}
    loss, scalars = similarities(student=3 * TEACHER, **options)
    np.testing.assert_allclose(scalars["divergence"], 0, atol=1e-12)
    for noise in RNG.normal(size=(5, *TEACHER.shape)):
        other, more = similarities(student=TEACHER + 0.1 * noise, **options)
        assert other > loss and more["divergence"] > 0


def test_a_student_that_is_the_teacher_turned_loses():
    """Similarities to the queue tie the student to the teacher's axes."""
    turned = np.roll(TEACHER, 1, axis=1)
    assert similarities(turned)[0] > similarities(TEACHER)[0]


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_features_are_one_less_the_cosine(temperature):
    cosines = [
        s @ t / np.linalg.norm(s) / np.linalg.norm(t)
        for s, t in zip(STUDENT, TEACHER)
    ]
    loss, scalars = feature_distillation(
        student=STUDENT, teacher=TEACHER, temperature=temperature
    )
    assert not scalars
    np.testing.assert_allclose(
        loss, (1 - np.mean(cosines)) / temperature, rtol=1e-12
    )
    np.testing.assert_allclose(
        mean_cosine(STUDENT, TEACHER), np.mean(cosines), rtol=1e-12
    )


@pytest.mark.parametrize("target", ["similarities", "features"])
def test_gradient_reaches_the_student_alone(target):
    """And is that of numerical differences."""
    student, teacher, queue = map(tf.Variable, (STUDENT, TEACHER, QUEUE))

    def value(student):
        if target == "features":
            return feature_distillation(student=student, teacher=teacher)[0]
        return similarities(student, teacher, queue)[0]

    with tf.GradientTape() as tape:
        loss = value(student)
    own, *others = tape.gradient(loss, [student, teacher, queue])
    assert others == [None, None]
    for i, j in ((0, 0), (3, 2), (5, 4)):
        step = np.zeros_like(STUDENT)
        step[i, j] = 1e-6
        slope = (value(STUDENT + step) - value(STUDENT - step)) / 2e-6
        np.testing.assert_allclose(own[i, j], slope, rtol=1e-5, atol=1e-9)


def test_an_image_that_could_not_be_read_is_no_nan():
    """Its teacher's features are 0."""
    teacher = TEACHER.copy()
    teacher[0] = 0
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        total = (
            similarities(student, teacher)[0]
            + feature_distillation(student=student, teacher=teacher)[0]
        )
    assert (
        np.isfinite(total) and np.isfinite(tape.gradient(total, student)).all()
    )


def test_half_precision_is_computed_in_float32():
    half = STUDENT.astype(np.float16)
    loss, _ = similarities(half)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, similarities()[0], rtol=2e-3)


@pytest.mark.parametrize("name", ["temperature", "teacher_temperature"])
def test_temperatures_are_above_0(name):
    with pytest.raises(InputError, match=f"^{name}=0"):
        similarities(**{name: 0})
    if name == "temperature":
        with pytest.raises(InputError, match="temperature=0 must"):
            feature_distillation(
                student=STUDENT, teacher=TEACHER, temperature=0
            )
