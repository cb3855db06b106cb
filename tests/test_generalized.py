import functools
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.losses import generalized, objectives
from simclr.losses.generalized import decoupled_nt_xent, swd
from tests import reference
from tests.objectives import finite_differences, on_replicas, views

GOLDEN = np.load(
    pathlib.Path(__file__).parent / "golden" / "generalized_contrastive.npz"
)
# Objective, name in the golden file, prior there, whether rows have length 1.
SWD = {
    "swd_hypersphere": ("normal_1", "normal", True),
    "swd_hypercube": ("uniform_0", "uniform", False),
    "swd_normal": ("normal_0", "normal", False),
}
ALL = ["decoupled_nt_xent", *SWD]
SEED = np.int32([3, 7])


def drawn(n=8, d=5, seed=1):
    """A prior's sample [2n, d] and an orthogonal matrix [d, d]."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2 * n, d)), np.linalg.qr(rng.normal(size=(d, d)))[0]


def value_and_gradient(objective, z, **options):
    """Loss, scalars and the gradient in the views [2, n, d]."""
    z = tf.convert_to_tensor(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss, scalars = objective(z[0], z[1], **options)
    return loss, scalars, tape.gradient(loss, z)


def seeded(name, **options):
    """An objective, with a seed if it takes one."""
    if name in SWD:
        options["seed"] = SEED
    return functools.partial(objectives.get(name), **options)


@pytest.mark.parametrize(
    "temperature, trade_off", [(0.05, 0.0), (0.1, 0.02), (1.0, 1.5)]
)
def test_decoupled_matches_the_reference(strategy, temperature, trade_off):
    losses, scalars, _ = on_replicas(
        strategy,
        decoupled_nt_xent,
        *views(),
        temperature=temperature,
        trade_off=trade_off,
    )
    scale = 5 / temperature
    expected = reference.decoupled_nt_xent(*views(), temperature, trade_off)
    np.testing.assert_allclose(losses.mean() / scale, expected, rtol=1e-5)
    parts = scalars["alignment"] + trade_off * scalars["distribution"]
    np.testing.assert_allclose(parts, losses / scale, rtol=1e-6)


@pytest.mark.parametrize("trade_off", [0.1, 5.0])
@pytest.mark.parametrize("unit", [True, False])
def test_swd_matches_the_reference(strategy, unit, trade_off):
    prior, w = drawn()
    losses, scalars, _ = on_replicas(
        strategy,
        swd,
        *views(dtype=np.float64),
        prior=prior,
        w=w,
        unit=unit,
        trade_off=trade_off,
    )
    expected = reference.swd(*views(dtype=float), prior, w, unit, trade_off)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-12)
    parts = scalars["alignment"] + trade_off * scalars["distribution"]
    np.testing.assert_allclose(parts, losses, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_golden(strategy, name):
    _, _, temperature, trade_off = GOLDEN["c0_meta"]
    scale = 1.0
    if name == "decoupled_nt_xent":
        key, objective = "logsumexp_1", decoupled_nt_xent
        options = {"temperature": temperature}
        scale = GOLDEN["c0_h1"].shape[1] / temperature
    else:
        (key, prior, unit), objective = SWD[name], swd
        options = {"prior": GOLDEN[f"c0_prior_{prior}"], "w": GOLDEN["c0_W"]}
        options["unit"] = unit
    losses, _, gradient = on_replicas(
        strategy,
        objective,
        GOLDEN["c0_h1"],
        GOLDEN["c0_h2"],
        trade_off=trade_off,
        **options,
    )
    np.testing.assert_allclose(
        losses.mean() / scale, GOLDEN[f"c0_{key}_loss"], rtol=1e-6
    )
    for ours, view in zip(gradient, "12"):
        expected = scale * GOLDEN[f"c0_{key}_g{view}"]
        largest = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("name", ALL)
def test_gradient_is_that_of_one_big_batch(strategy, name):
    """Every replica draws the same directions and prior, for all 2N views."""
    z = views(dtype=np.float64)
    objective = seeded(name, trade_off=0.7)
    loss, _, expected = value_and_gradient(objective, z)
    losses, scalars, gradient = on_replicas(strategy, objective, *z)
    assert losses.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(losses.mean(), loss, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
    if name in SWD:
        np.testing.assert_allclose(
            scalars["distribution"], scalars["distribution"][0], rtol=1e-14
        )


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_decoupled_gradient_matches_finite_differences(temperature):
    z = views(n=3, d=4, dtype=np.float64)
    _, _, gradient = value_and_gradient(
        decoupled_nt_xent, z, temperature=temperature, trade_off=0.3
    )
    expected = finite_differences(
        lambda *z: reference.decoupled_nt_xent(*z, temperature, 0.3), z
    )
    np.testing.assert_allclose(
        gradient * temperature / 4, expected, rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("unit", [True, False])
def test_swd_gradient_matches_finite_differences(unit):
    z = views(n=3, d=4, dtype=np.float64)
    prior, w = drawn(n=3, d=4)
    _, _, gradient = value_and_gradient(
        swd, z, prior=prior, w=w, unit=unit, trade_off=2.0
    )
    expected = finite_differences(
        lambda *z: reference.swd(*z, prior, w, unit, 2.0), z
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_decoupled_is_nt_xent_with_its_anchor_as_a_candidate(temperature):
    """Except for a constant, at the default trade-off."""
    n, d = 8, 5

    def with_anchor(z1, z2):
        z = tf.math.l2_normalize(tf.concat([z1, z2], axis=0), axis=1)
        match = tf.concat([tf.range(n) + n, tf.range(n)], axis=0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=match, logits=tf.matmul(z, z, transpose_b=True) / temperature
        )
        return tf.reduce_mean(losses), {}

    z = views(n, d, dtype=np.float64)
    nt_xent, _, expected = value_and_gradient(with_anchor, z)
    loss, _, gradient = value_and_gradient(
        decoupled_nt_xent, z, temperature=temperature
    )
    constant = 1 / temperature - np.log(d)
    np.testing.assert_allclose(loss, nt_xent + constant, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_identical_embeddings_have_a_closed_form(strategy):
    z = np.ones([8, 5], np.float32)
    _, scalars, _ = on_replicas(
        strategy, decoupled_nt_xent, z, z, temperature=0.5
    )
    np.testing.assert_allclose(scalars["alignment"], 0)
    expected = 1 / 0.5 + np.log(2 * 8) - np.log(5)
    np.testing.assert_allclose(scalars["distribution"], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_identical_views_are_aligned(name):
    z, _ = views()
    _, scalars = seeded(name)(z, z)
    assert scalars["alignment"] == 0
    assert scalars["distribution"] > 0


@pytest.mark.parametrize("unit", [True, False])
def test_views_that_are_the_prior_in_any_order_cost_nothing(strategy, unit):
    prior, w = drawn()
    shuffled = np.random.default_rng(2).permutation(prior)
    _, scalars, _ = on_replicas(
        strategy,
        swd,
        *np.split(shuffled, 2),
        prior=prior,
        w=w,
        unit=unit,
        trade_off=1.0,
    )
    np.testing.assert_allclose(scalars["distribution"], 0, atol=1e-25)


def test_a_shifted_prior_costs_the_shift_squared(strategy):
    prior, w = drawn()
    shift = np.float64([1, -2, 0, 0.5, 3])
    _, scalars, _ = on_replicas(
        strategy,
        swd,
        *np.split(prior + shift, 2),
        prior=prior,
        w=w,
        unit=False,
        trade_off=1.0,
    )
    np.testing.assert_allclose(
        scalars["distribution"], np.mean(shift**2), rtol=1e-12
    )


@pytest.mark.parametrize("name", ALL)
def test_order_of_images_and_views_does_not_matter(name):
    z1, z2 = views()
    shuffle = np.random.default_rng(1).permutation(len(z1))
    expected, _ = seeded(name)(z1, z2)
    loss, _ = seeded(name)(z2[shuffle], z1[shuffle])
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize("name", ["decoupled_nt_xent", "swd_hypersphere"])
def test_length_of_embeddings_does_not_matter(name, scale):
    z1, z2 = views()
    scaled, _ = seeded(name)(z1 * scale, z2 / scale)
    np.testing.assert_allclose(scaled, seeded(name)(z1, z2)[0], rtol=1e-4)


def test_ties_have_the_right_value_and_gradient():
    """Ranks by comparison, as the notebook's, give equal rows equal ranks."""
    prior, w = drawn()
    z = np.ones([2, 8, 5])
    loss, _, gradient = value_and_gradient(
        swd, z, prior=prior, w=w, unit=False, trade_off=1.0
    )
    expected = reference.swd(*z, prior, w, False, 1.0)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    # d/dz of the mean over 2n x d of (sort(z w) - sort(prior w))^2, summed over
    # rows: which of the equal rows goes where then does not matter.
    expected = 2 * (z.sum((0, 1)) - prior.sum(0)) / prior.size
    np.testing.assert_allclose(
        tf.reduce_sum(gradient, [0, 1]), expected, rtol=1e-9
    )


@pytest.mark.parametrize("name", ALL)
def test_zero_projections_are_finite(name):
    loss, _, gradient = value_and_gradient(
        seeded(name), np.zeros([2, 4, 3], np.float32)
    )
    assert np.isfinite(loss) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", list(SWD))
def test_the_right_prior_costs_less_than_a_collapse(name):
    """With as many views as here, a hundred times less."""
    rng = np.random.default_rng(4)
    z = rng.normal(size=(2, 2048, 4))
    if name == "swd_hypercube":
        z = rng.uniform(-1, 1, size=z.shape)
    point = np.broadcast_to(z[:, :1], z.shape)
    costs = [
        float(seeded(name)(*both)[1]["distribution"]) for both in (z, point)
    ]
    assert costs[0] < 0.01 * costs[1]


def test_what_collapse_costs_at_the_default():
    """Twice unrelated views on the hypersphere, as much as them off it."""
    rng = np.random.default_rng(5)
    spread = rng.normal(size=(2, 4096, 8))
    for name, z, ratio in [
        ("swd_hypersphere", spread, 2),
        ("swd_normal", spread, 1),
        ("swd_hypercube", rng.uniform(-1, 1, size=spread.shape), 1),
    ]:
        point = np.zeros_like(z)
        if name == "swd_hypersphere":
            point[..., 0] = 1
        costs = [float(seeded(name)(*both)[0]) for both in (point, z)]
        np.testing.assert_allclose(costs[0] / costs[1], ratio, rtol=0.05)


@pytest.mark.parametrize("name", list(SWD))
def test_directions_and_prior_are_those_of_the_seed(name):
    z = views()
    first, again, step, seed = (
        float(
            objectives.get(name)(*z, seed=tf.constant(seed))[1]["distribution"]
        )
        for seed in ([3, 7], [3, 7], [3, 8], [4, 7])
    )
    assert first == again
    assert len({first, step, seed}) == 3


def test_directions_are_orthogonal_and_uniform():
    """Of the seed; Haar: the trace has mean 0 and variance 1, signs are even.

    Householder's QR by itself leaves no first entry above 0.
    """
    ws = np.stack([generalized.orthogonal(4, [0, i]) for i in range(400)])
    np.testing.assert_allclose(
        ws @ ws.transpose(0, 2, 1), np.tile(np.eye(4), [400, 1, 1]), atol=1e-6
    )
    np.testing.assert_array_equal(ws[5], generalized.orthogonal(4, [0, 5]))
    assert np.abs(ws[0] - ws[1]).max() > 0.1
    assert abs((ws[:, 0, 0] > 0).mean() - 0.5) < 0.1
    traces = np.trace(ws, axis1=1, axis2=2)
    assert abs(traces.mean()) < 0.2
    assert abs(traces.var() - 1) < 0.3


def test_directions_are_orthogonal_in_float64():
    w = generalized.orthogonal(16, [1, 2], tf.float64).numpy()
    np.testing.assert_allclose(w @ w.T, np.eye(16), atol=1e-14)
    single = generalized.orthogonal(16, [1, 2])
    np.testing.assert_allclose(single, w, atol=1e-5)


def test_moments_of_the_priors():
    x = generalized.uniform([2**17], [0, 1]).numpy()
    assert -1 < x.min() < -0.999 and 0.999 < x.max() < 1
    np.testing.assert_allclose(x.mean(), 0, atol=0.01)
    np.testing.assert_allclose(x.var(), 1 / 3, rtol=0.01)
    x = generalized.normal([2**17], [0, 1]).numpy()
    np.testing.assert_allclose(x.mean(), 0, atol=0.02)
    np.testing.assert_allclose(x.var(), 1, rtol=0.02)
    np.testing.assert_allclose((x**4).mean(), 3, rtol=0.05)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32])
@pytest.mark.parametrize("name", ALL)
def test_computes_in_float32(name, dtype):
    low = [tf.cast(z, dtype) for z in views()]
    loss, scalars = seeded(name)(*low)
    assert {loss.dtype, *(s.dtype for s in scalars.values())} == {tf.float32}
    expected, _ = seeded(name)(*(tf.cast(z, tf.float64) for z in low))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_compiled_is_the_same(name):
    """Its random numbers too, of a seed that is not known when it compiles."""

    def step(z, seed):
        options = {"seed": seed} if name in SWD else {}
        return value_and_gradient(objectives.get(name), z, **options)

    args = tf.constant(views()), tf.constant(SEED)
    loss, _, gradient = step(*args)
    xla_loss, _, xla_gradient = tf.function(step, jit_compile=True)(*args)
    np.testing.assert_allclose(xla_loss, loss, rtol=1e-5)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(
        xla_gradient, gradient, rtol=0, atol=1e-5 * scale
    )


@pytest.mark.parametrize("name", ALL)
def test_trade_off_below_0_is_an_error(name):
    with pytest.raises(ValueError, match=r"trade_off=-0\.1 must not be below"):
        objectives.get(name)(*views(), trade_off=-0.1)


@pytest.mark.parametrize("name", ALL)
def test_views_of_different_shape_are_an_error(name):
    with pytest.raises(ValueError, match=r"\(8, 5\).*\(4, 5\)"):
        objectives.get(name)(views()[0], views(n=4)[0])


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_bad_temperature_is_an_error(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature}"):
        decoupled_nt_xent(*views(), temperature=temperature)


@pytest.mark.parametrize("name", ALL)
def test_is_in_the_registry(name):
    options = {"seed", "trade_off"} if name in SWD else {"temperature"}
    assert objectives.options(name) == options | {"trade_off"}
    assert objectives.scalars(name) == ("alignment", "distribution")
