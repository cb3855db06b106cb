"""The distillation loss: the paper's sums, its least value, its gradient."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.losses.distilling.distillation import distillation
from tests import reference

LABEL = np.array([0, -1, 2, -1, -1, 1, -1, -1], np.int32)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def rows(n=8, k=3, seed=0):
    rng = np.random.default_rng(seed)
    return (2 * rng.normal(size=(2, n, k))).astype(np.float32)


def on_replicas(strategy, logits, teacher, label, **settings):
    """Each replica's loss, and the global loss's gradient in the logits."""
    count = strategy.num_replicas_in_sync
    shards = [np.split(x, count) for x in (logits, teacher, label)]

    def shard(parts):
        return strategy.experimental_distribute_values_from_function(
            lambda c: tf.constant(parts[c.replica_id_in_sync_group])
        )

    @tf.function
    def step(logits, teacher, label):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss, _ = distillation(
                logits=logits,
                teacher_probabilities=teacher,
                label=label,
                **settings,
            )
            share = loss / count
        return loss, tape.gradient(share, logits)

    results = strategy.run(step, args=tuple(map(shard, shards)))
    losses, gradients = map(strategy.experimental_local_results, results)
    return np.array(losses), np.concatenate(gradients)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_matches_the_paper_on_any_number_of_replicas(
    strategy, temperature, alpha
):
    logits, teacher = rows()
    p = softmax(teacher / temperature)
    losses, gradient = on_replicas(
        strategy, logits, p, LABEL, temperature=temperature, alpha=alpha
    )
    expected = reference.distillation(logits, p, LABEL, temperature, alpha)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    # By hand: alpha T (Q_T - P) / N, and for a label (1 - alpha) (Q - y) / N.
    known = (LABEL >= 0)[:, None]
    by_hand = alpha * temperature * (softmax(logits / temperature) - p)
    by_hand += (1 - alpha) * known * (softmax(logits) - np.eye(3)[LABEL])
    np.testing.assert_allclose(gradient, by_hand / 8, atol=1e-6)


def test_is_least_at_the_teacher_where_it_is_the_entropy():
    logits, _ = rows()
    p = softmax(logits.astype(np.float64))
    loss, agreement = distillation(logits=logits, teacher_probabilities=p)
    np.testing.assert_allclose(
        loss, -np.sum(p * np.log(p), axis=1).mean(), rtol=1e-5
    )
    assert agreement == 1.0
    for seed in range(1, 4):
        other, _ = distillation(
            logits=logits + rows(seed=seed)[0], teacher_probabilities=p
        )
        assert other > loss


def test_no_gradient_reaches_the_teacher():
    logits, teacher = map(tf.constant, rows())
    with tf.GradientTape() as tape:
        tape.watch(teacher)
        loss, _ = distillation(
            logits=logits, teacher_probabilities=tf.nn.softmax(teacher)
        )
    assert tape.gradient(loss, teacher) is None


def test_bfloat16_logits_are_summed_in_float32():
    logits, teacher = rows()
    loss, _ = distillation(
        logits=tf.cast(logits, tf.bfloat16),
        teacher_probabilities=softmax(teacher),
    )
    assert loss.dtype == tf.float32


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"temperature": 0.0}, "temperature=0"),
        ({"alpha": 1.5}, "must lie in"),
        ({"alpha": 0.5}, "needs labels"),
    ],
)
def test_bad_settings(settings, message):
    logits, teacher = rows()
    with pytest.raises(ValueError, match=message):
        distillation(
            logits=logits, teacher_probabilities=softmax(teacher), **settings
        )
