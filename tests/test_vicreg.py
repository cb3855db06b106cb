"""The VICReg loss: the paper's equations, closed forms, replicas."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.losses import objectives as table
from simclr.losses.vicreg import vicreg
from tests import objectives, reference
from tests.objectives import views

ONE = tf.distribute.get_strategy
PUBLISHED = (25.0, 25.0, 1.0)


def on_replicas(strategy, z1, z2, **options):
    return objectives.on_replicas(strategy, vicreg, z1, z2, **options)


def by_the_paper(z1, z2, coefficients=PUBLISHED):
    """The paper's equations, with what our coefficients are in its scale."""
    invariance, variance, covariance = coefficients
    return reference.vicreg(
        z1, z2, invariance / z1.shape[1], variance / 2, covariance
    )


def by_the_code(z1, z2):
    """What the published code computes, in the words of NumPy."""
    z1, z2 = np.float64(z1), np.float64(z2)
    n, d = z1.shape
    loss = 25 * np.mean((z1 - z2) ** 2)
    for z in (z1, z2):
        z = z - z.mean(0)
        std = np.sqrt(z.var(0, ddof=1) + 1e-4)
        loss += 25 * np.mean(np.maximum(0, 1 - std)) / 2
        cov = z.T @ z / (n - 1)
        loss += (np.sum(cov**2) - np.sum(np.diag(cov) ** 2)) / d
    return loss


@pytest.mark.parametrize(
    "coefficients", [PUBLISHED, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0, 0, 1)]
)
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_matches_the_paper(strategy, coefficients, scale):
    """Of small and of large projections: the hinge holds some, not all."""
    z = views() * np.float32(scale)
    losses, _, _ = on_replicas(strategy, *z, coefficients=coefficients)
    expected = by_the_paper(*z, coefficients)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5, atol=1e-6)


def test_the_defaults_are_those_of_the_published_code(strategy):
    losses, _, _ = on_replicas(strategy, *views())
    np.testing.assert_allclose(losses.mean(), by_the_code(*views()), rtol=1e-5)


def test_scalars_are_the_terms(strategy):
    losses, scalars, _ = on_replicas(strategy, *views())
    terms = ("invariance", "variance", "covariance")
    assert tuple(scalars) == terms == table.scalars("vicreg")
    total = sum(c * scalars[name] for c, name in zip(PUBLISHED, terms))
    np.testing.assert_allclose(losses, total, rtol=1e-6)
    for name in terms[1:]:  # Of the global batch, on every replica.
        np.testing.assert_allclose(scalars[name], scalars[name][0])


def test_gradient_is_that_of_one_big_batch(strategy):
    z1, z2 = views(dtype=np.float64) * 0.7
    with tf.GradientTape() as tape:
        both = tf.constant(np.stack([z1, z2]))
        tape.watch(both)
        loss, _ = vicreg(both[0], both[1])
    expected = tape.gradient(loss, both)
    losses, _, gradient = on_replicas(strategy, z1, z2)
    assert losses.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(losses.mean(), loss, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_gradient_matches_finite_differences():
    z = views(n=4, d=3, dtype=np.float64) * 0.7
    deviation = np.sqrt(z.var(1, ddof=1) + 1e-4)
    assert deviation.min() < 1 < deviation.max()  # On both sides of the hinge.
    _, _, gradient = on_replicas(ONE(), *z)
    expected = objectives.finite_differences(by_the_paper, z)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-7)


def test_projections_that_do_not_vary_cost_the_whole_hinge(strategy):
    """mu (gamma - sqrt(epsilon)), and the gradient is 0, not NaN."""
    z = np.ones([8, 5], np.float32)
    losses, scalars, gradient = on_replicas(strategy, z, z)
    np.testing.assert_allclose(losses, 25 * (1 - 0.01), rtol=1e-6)
    np.testing.assert_allclose(scalars["covariance"], 0)
    np.testing.assert_allclose(gradient, 0)


def test_equal_views_without_redundancy_give_zero(strategy):
    """Columns of a Hadamard matrix: uncorrelated, variance 8 / 7."""
    two = np.float64([[1, 1], [1, -1]])
    z = np.kron(two, np.kron(two, two))[:, 1:]  # [8, 7]
    losses, _, gradient = on_replicas(strategy, z, z)
    np.testing.assert_allclose(losses, 0, atol=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_equal_dimensions_give_their_redundancy(strategy):
    """All d equal in both views: C is their variance everywhere."""
    z = np.tile(views(n=8, d=1, dtype=np.float64)[0], [1, 4])
    _, scalars, _ = on_replicas(strategy, z, z)
    expected = 2 * (4 - 1) * z[:, 0].var(ddof=1) ** 2
    np.testing.assert_allclose(scalars["covariance"], expected, rtol=1e-9)
    np.testing.assert_allclose(scalars["invariance"], 0)


def test_order_of_images_and_views_does_not_matter():
    z1, z2 = views()
    order = np.random.default_rng(1).permutation(len(z1))
    loss, _ = vicreg(z2[order], z1[order])
    np.testing.assert_allclose(loss, vicreg(z1, z2)[0], rtol=1e-6)


def test_a_shift_of_one_view_is_felt_by_invariance_alone():
    z1, z2 = views(dtype=np.float64)
    _, here = vicreg(z1, z2)
    _, there = vicreg(z1 + 3.0, z2)
    for name in ("variance", "covariance"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-9)
    expected = np.mean((z1 + 3 - z2) ** 2)
    np.testing.assert_allclose(there["invariance"], expected, rtol=1e-9)


def test_a_far_mean_keeps_the_covariance():
    """float32; a covariance from sums of products would be lost at 1e4."""
    far = views() + np.float32(1e4)
    loss, _ = vicreg(*far)
    np.testing.assert_allclose(loss, by_the_paper(*far), rtol=1e-3)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_computes_in_float32(dtype):
    """What float16 holds, up to 65,504: its squares, too."""
    low = [tf.cast(z * 1000, dtype) for z in views()]
    loss, scalars = vicreg(*low)
    assert {loss.dtype, *(s.dtype for s in scalars.values())} == {tf.float32}
    expected = by_the_paper(*(np.float32(z) for z in low))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_compiled_is_the_same():
    def step(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss, _ = vicreg(z[0], z[1])
        return loss, tape.gradient(loss, z)

    z = tf.constant(views())
    loss, gradient = step(z)
    xla_loss, xla_gradient = tf.function(step, jit_compile=True)(z)
    np.testing.assert_allclose(xla_loss, loss, rtol=1e-5)
    np.testing.assert_allclose(xla_gradient, gradient, rtol=0, atol=1e-5)


def test_bad_arguments_are_errors():
    with pytest.raises(ValueError, match=r"coefficients=\(25, -1, 1\) must be"):
        vicreg(*views(), coefficients=(25, -1, 1))
    with pytest.raises(ValueError, match=r"\(25, 25\) must be three numbers"):
        vicreg(*views(), coefficients=(25, 25))
    with pytest.raises(ValueError, match=r"\(8, 5\).*\(4, 5\)"):
        vicreg(views()[0], views(n=4)[0])


def test_it_keeps_no_negatives():
    with pytest.raises(ValueError, match=r"vicreg has none.*nt_xent"):
        table.check("vicreg", negatives=True)
