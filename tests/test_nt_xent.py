import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr import collectives
from simclr.losses.nt_xent import nt_xent
from tests import objectives, reference
from tests.objectives import views

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "nt_xent.npz")
CASES = ["c0", "c2", "c4"]


def unit_rows(count=12, d=5, seed=1):
    rows = np.random.default_rng(seed).normal(size=(count, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def on_replicas(strategy, z1, z2, temperature, **negatives):
    """Each replica's loss and accuracy, and the gradient in both views."""
    losses, scalars, gradient = objectives.on_replicas(
        strategy, nt_xent, z1, z2, temperature=temperature, **negatives
    )
    return losses, scalars["accuracy"], gradient


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.5, 1.0])
def test_matches_the_paper(strategy, temperature):
    losses, accuracies, _ = on_replicas(strategy, *views(), temperature)
    expected = reference.nt_xent(*views(), temperature)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    expected = reference.contrastive_accuracy(*views())
    np.testing.assert_allclose(accuracies.mean(), expected, rtol=1e-6)


@pytest.mark.parametrize("block", [0, 3])
def test_without_normalization_products_are_the_similarities(strategy, block):
    losses, _, _ = on_replicas(
        strategy, *views(), 10.0, normalize=False, block=block
    )
    expected = reference.nt_xent(*views(), 10.0, normalize=False)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    assert abs(expected / reference.nt_xent(*views(), 10.0) - 1) > 0.01


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_gradient_is_that_of_one_big_batch(strategy, temperature):
    z1, z2 = views(dtype=np.float64)
    with tf.GradientTape() as tape:
        both = tf.constant(np.stack([z1, z2]))
        tape.watch(both)
        loss, _ = nt_xent(both[0], both[1], temperature=temperature)
    expected = tape.gradient(loss, both)

    losses, _, gradient = on_replicas(strategy, z1, z2, temperature)
    assert losses.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(losses.mean(), loss, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)

    _, _, gradient = on_replicas(strategy, *views(), temperature)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_gradient_matches_finite_differences(temperature):
    z = views(n=3, d=4, dtype=np.float64)
    _, _, gradient = on_replicas(tf.distribute.get_strategy(), *z, temperature)
    expected = objectives.finite_differences(
        lambda *z: reference.nt_xent(*z, temperature), z
    )
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    b, _, temperature, _ = GOLDEN[f"{case}_meta"]
    z1, z2 = np.split(GOLDEN[f"{case}_hidden"], [int(b)])
    losses, _, gradient = on_replicas(
        tf.distribute.get_strategy(), z1, z2, temperature
    )
    # The published code returns, and so differentiates, twice the mean.
    np.testing.assert_allclose(2 * losses[0], GOLDEN[f"{case}_loss"], rtol=1e-6)
    np.testing.assert_allclose(
        2 * np.concatenate(gradient), GOLDEN[f"{case}_grad"], atol=1e-6
    )


def test_golden_over_replicas(strategy):
    z1, z2 = GOLDEN["R4_h1"], GOLDEN["R4_h2"]  # [4, 4, 16]
    losses, _, gradient = on_replicas(
        strategy, np.concatenate(z1), np.concatenate(z2), 0.1
    )
    if strategy.num_replicas_in_sync == 4:
        np.testing.assert_allclose(2 * losses, GOLDEN["R4_losses"], rtol=1e-6)
    np.testing.assert_allclose(
        2 * losses.mean(), GOLDEN["R4_full_loss"], rtol=1e-6
    )
    np.testing.assert_allclose(
        2 * np.concatenate(gradient), GOLDEN["R4_full_grad"], atol=1e-6
    )


def test_identical_embeddings_give_log_2n_minus_1(strategy):
    z = np.ones([8, 5], np.float32)
    losses, accuracies, _ = on_replicas(strategy, z, z, 0.1)
    np.testing.assert_allclose(losses, np.log(2 * 8 - 1), rtol=1e-6)
    assert accuracies.mean() <= 0.5


def test_far_apart_images_give_zero(strategy):
    z = np.eye(8, dtype=np.float32)
    losses, accuracies, gradient = on_replicas(strategy, z, z, 0.01)
    np.testing.assert_allclose(losses, 0, atol=1e-6)
    np.testing.assert_allclose(accuracies, 1)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_one_image_alone_gives_zero():
    loss, scalars = nt_xent(*views(n=1))
    assert (float(loss), float(scalars["accuracy"])) == (0, 1)


def test_zero_projections_are_finite():
    losses, _, gradient = on_replicas(
        tf.distribute.get_strategy(), *np.zeros([2, 4, 3], np.float32), 0.1
    )
    np.testing.assert_allclose(losses, np.log(7), rtol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_length_of_embeddings_does_not_matter(scale):
    z1, z2 = views()
    scaled, _ = nt_xent(z1 * scale, z2 / scale)
    np.testing.assert_allclose(scaled, nt_xent(z1, z2)[0], rtol=1e-4)


def test_order_of_images_and_views_does_not_matter():
    z1, z2 = views()
    shuffle = np.random.default_rng(1).permutation(len(z1))
    expected, _ = nt_xent(z1, z2)
    np.testing.assert_allclose(
        nt_xent(z2[shuffle], z1[shuffle])[0], expected, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32])
def test_computes_in_float32(dtype):
    z1, z2 = (tf.cast(z, dtype) for z in views())
    loss, scalars = nt_xent(z1, z2)
    assert loss.dtype == scalars["accuracy"].dtype == tf.float32
    expected = reference.nt_xent(np.float32(z1), np.float32(z2), 0.1)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_bad_temperature_is_an_error(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature}"):
        nt_xent(*views(), temperature=temperature)


def test_views_of_different_shape_are_an_error():
    with pytest.raises(ValueError, match=r"\(8, 5\).*\(4, 5\)"):
        nt_xent(views()[0], views(n=4)[0])


@pytest.mark.parametrize("filled", [None, 12, 7, 1])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_memory_matches_the_reference(strategy, temperature, filled):
    """Rows that are not filled do not count, whatever they hold."""
    negatives = unit_rows()
    losses, accuracies, _ = on_replicas(
        strategy,
        *views(),
        temperature,
        negatives=negatives,
        negatives_filled=filled,
    )
    expected = reference.nt_xent(*views(), temperature, negatives[:filled])
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    expected = reference.contrastive_accuracy(*views(), negatives[:filled])
    np.testing.assert_allclose(accuracies.mean(), expected, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_gradient_with_a_memory_is_that_of_one_big_batch(strategy, temperature):
    """And none goes into the negatives."""
    z1, z2 = views(dtype=np.float64)
    with tf.GradientTape() as tape:
        both, negatives = (
            tf.constant(np.stack([z1, z2])),
            tf.constant(unit_rows()),
        )
        tape.watch([both, negatives])
        loss, _ = nt_xent(
            both[0],
            both[1],
            temperature=temperature,
            negatives=negatives,
            negatives_filled=7,
        )
    expected, none = tape.gradient(loss, [both, negatives])
    assert none is None

    losses, _, gradient = on_replicas(
        strategy, z1, z2, temperature, negatives=unit_rows(), negatives_filled=7
    )
    np.testing.assert_allclose(losses.mean(), loss, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_gradient_with_a_memory_matches_finite_differences():
    z, negatives = views(n=3, d=4, dtype=np.float64), unit_rows(6, 4)
    _, _, gradient = on_replicas(
        tf.distribute.get_strategy(), *z, 0.5, negatives=negatives
    )
    expected = objectives.finite_differences(
        lambda *z: reference.nt_xent(*z, 0.5, negatives), z
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8)


def test_an_empty_queue_is_none(strategy):
    z1, z2 = views(dtype=np.float64)
    plain = on_replicas(strategy, z1, z2, 0.5)
    empty = on_replicas(
        strategy, z1, z2, 0.5, negatives=unit_rows(), negatives_filled=0
    )
    for ours, expected in zip(empty, plain):
        np.testing.assert_allclose(ours, expected, rtol=1e-14, atol=1e-17)


def test_a_memory_of_equals_gives_log_2n_minus_1_plus_k(strategy):
    z = np.ones([8, 4], np.float32)
    losses, _, _ = on_replicas(
        strategy, z, z, 0.1, negatives=np.full([12, 4], 0.5, np.float32)
    )
    np.testing.assert_allclose(losses, np.log(2 * 8 - 1 + 12), rtol=1e-6)


def test_a_far_memory_adds_k_times_its_weight(strategy):
    """All views at e1, all rows at -e1: exp(-2 / T) of a near one each."""
    z = np.tile(np.float32([1, 0, 0]), [8, 1])
    losses, _, _ = on_replicas(strategy, z, z, 0.5, negatives=-z)
    expected = np.log(2 * 8 - 1 + 8 * np.exp(-2 / 0.5))
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_negatives_of_other_dimensions_is_an_error():
    with pytest.raises(ValueError, match=r"have 4 dimensions.* 5"):
        nt_xent(*views(), negatives=unit_rows(d=4))


def test_sum_over_replicas(strategy):
    """One collective for several tensors, with gradients summed again."""
    count = strategy.num_replicas_in_sync

    @tf.function
    def step():
        own = tf.cast(collectives.replica_id(), tf.float32) + 1
        with tf.GradientTape() as tape:
            tape.watch(own)
            a, b = collectives.sum_over_replicas(
                [own, tf.fill([2, 3], own * own)]
            )
            value = (own + 1) * a + tf.reduce_sum(b)
        return a, b, tape.gradient(value, own)

    a, b, gradient = map(
        strategy.experimental_local_results, strategy.run(step)
    )
    ids = np.arange(1, count + 1)
    np.testing.assert_allclose(a, [ids.sum()] * count)
    np.testing.assert_allclose(b[-1], np.full([2, 3], (ids**2).sum()))
    expected = ids.sum() + (ids + 1).sum() + 6 * count * 2 * ids
    np.testing.assert_allclose(gradient, expected)


def test_gather_keeps_the_order_of_replicas(strategy):
    count = strategy.num_replicas_in_sync

    @tf.function
    def step():
        own = tf.cast(collectives.replica_id(), tf.float32)
        return collectives.gather(tf.stack([[own, 0], [own, 1]]))

    for result in strategy.experimental_local_results(strategy.run(step)):
        expected = [[i, row] for i in range(count) for row in range(2)]
        np.testing.assert_allclose(result, expected)
