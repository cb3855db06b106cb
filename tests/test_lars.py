import itertools
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.optimizers.lars import LARS
from simclr.optimizers.muon import Muon
from simclr.optimizers.schedules import WarmupCosine
from tests import reference

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "lars.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
EXCLUDED = ("batch_normalization", "bias", "head_supervised")
BARLOW = np.load(pathlib.Path(__file__).parent / "golden" / "barlow.npz")
FORMS = [
    *itertools.product(["classic", "popular"], [True, False]),
    ("barlow", False),
]


def variable(value, name="w"):
    return keras.Variable(np.asarray(value, np.float32), name=name)


def golden_variables():
    return [
        variable(GOLDEN["w0_" + name.replace("/", ".")], name.replace("/", "."))
        for name in NAMES
    ]


def golden_gradient(step, i, shape):
    if step == 3 and i == 0:
        return np.zeros(shape, np.float32)
    rng = np.random.Generator(np.random.PCG64(100 * step + i))
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("case", ["cfg0", "cfg3"])
def test_golden(case):
    """8 steps of the published optimizer, while the learning rate falls."""
    config = json.loads(str(GOLDEN[case]))
    variables = golden_variables()
    optimizer = LARS(
        keras.optimizers.schedules.PolynomialDecay(1.6, 10, 0.0),
        momentum=config["momentum"],
        weight_decay=config["weight_decay"],
        variant="classic" if config["classic_momentum"] else "popular",
        nesterov=config["use_nesterov"],
    )
    optimizer.exclude(
        v for v in variables if any(part in v.name for part in EXCLUDED)
    )
    optimizer.build(variables)
    for step in range(8):
        gradients = [
            golden_gradient(step, i, v.shape) for i, v in enumerate(variables)
        ]
        optimizer.apply(gradients, variables)
        for v in variables:
            expected = GOLDEN.get(f"{case}_s{step}_{v.name}")
            np.testing.assert_allclose(
                v, expected, rtol=1e-5, atol=1e-6, err_msg=f"{v.name} {step}"
            )
    for v, slot in zip(variables, optimizer.momentums):
        np.testing.assert_allclose(
            slot, GOLDEN[f"{case}_slot_{v.name}"], rtol=1e-5, atol=1e-6
        )


def test_golden_barlow():
    """8 steps of Barlow Twins' optimizer during its warm-up.

    Weights learn at 0.2, what has one axis at 0.0048, times the schedule.
    """
    variables = [variable(BARLOW[f"lars_w0_{i}"], f"w{i}") for i in range(4)]
    rates = tf.constant(BARLOW["lr_trace"][:8, 0], tf.float32)
    optimizer = LARS(
        _Table(rates),
        weight_decay=1e-6,
        variant="barlow",
        excluded_lr_factor=0.0048 / 0.2,
    )
    optimizer.exclude(v for v in variables if len(v.shape) == 1)
    optimizer.build(variables)
    for step in range(8):
        gradients = [
            np.random.Generator(
                np.random.PCG64(5000 + 100 * step + i)
            ).standard_normal(v.shape)
            for i, v in enumerate(variables)
        ]
        optimizer.apply(
            [tf.constant(g, "float32") for g in gradients], variables
        )
        for i, v in enumerate(variables):
            expected = BARLOW[f"lars_s{step}_{i}"]
            np.testing.assert_allclose(v, expected, rtol=1e-5, atol=1e-6)


class _Table(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rates of given steps."""

    def __init__(self, rates):
        self._rates = rates

    def __call__(self, step):
        return tf.gather(self._rates, step)


def test_one_step_by_hand():
    """w = (3, 4), g = (0, 2): |w| = 5, |g| = 2, q = 0.1 * 5 / 2."""
    w = variable([3, 4])
    optimizer = LARS(2.0, momentum=0.5, trust_coefficient=0.1)
    optimizer.build([w])
    optimizer.apply([tf.constant([0.0, 2.0])], [w])
    np.testing.assert_allclose(w, [3, 3], rtol=1e-6)  # 4 - 2 * 0.25 * 2
    np.testing.assert_allclose(optimizer.momentums[0], [0, 1], rtol=1e-6)


@pytest.mark.parametrize(("variant", "nesterov"), FORMS)
@pytest.mark.parametrize("excluded", [True, False])
def test_matches_the_equations(variant, nesterov, excluded):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 4)).astype(np.float32)
    weight, expected, v = variable(w), w.astype(np.float64), 0.0
    options = {"momentum": 0.8, "weight_decay": 0.1, "trust_coefficient": 0.3}
    options |= {"variant": variant, "nesterov": nesterov}
    options["excluded_lr_factor"] = 0.4
    optimizer = LARS(0.7, **options)
    optimizer.exclude([weight] if excluded else [])
    optimizer.build([weight])
    for _ in range(5):
        g = rng.normal(size=(3, 4)).astype(np.float32)
        optimizer.apply([tf.constant(g)], [weight])
        expected, v = reference.lars_step(
            expected,
            g,
            v,
            learning_rate=0.7,
            excluded=excluded,
            **options,
        )
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("nesterov", [True, False])
def test_excluded_variables_take_sgd_steps(nesterov):
    a, b = variable([1, 2, 3]), variable([1, 2, 3])
    lars = LARS(0.1, weight_decay=0.5, nesterov=nesterov, excluded=[a.path])
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov)
    lars.build([a])
    sgd.build([b])
    for g in np.random.default_rng(0).normal(size=(4, 3)):
        lars.apply([tf.constant(g, tf.float32)], [a])
        sgd.apply([tf.constant(g, tf.float32)], [b])
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(("variant", "nesterov"), FORMS)
def test_zero_weight_or_gradient_gives_trust_1(variant, nesterov):
    w, still = variable([0, 0]), variable([3, 4])
    optimizer = LARS(0.5, momentum=0.0, variant=variant, nesterov=nesterov)
    optimizer.build([w, still])
    optimizer.apply([tf.constant([1.0, 2.0]), tf.zeros([2])], [w, still])
    np.testing.assert_allclose(w, [-0.5, -1])
    np.testing.assert_array_equal(still, [3, 4])


@pytest.mark.parametrize("variant", ["classic", "barlow"])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scale_of_the_gradient_does_not_matter(scale, variant):
    a, b = variable([3, 4]), variable([3, 4])
    optimizer = LARS(1.0, variant=variant)
    optimizer.build([a, b])
    g = tf.constant([1.0, -2.0])
    for _ in range(3):
        optimizer.apply([g, scale * g], [a, b])
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_reaches_a_minimum():
    target = np.array([1.0, -2.0, 3.0], np.float32)
    w = variable([5, 5, 5])
    schedule = WarmupCosine(1.0, 10, 300)
    optimizer = LARS(schedule, trust_coefficient=0.1)
    optimizer.build([w])
    for _ in range(300):
        optimizer.apply([w - target], [w])
    np.testing.assert_allclose(w, target, atol=1e-2)


def test_config_round_trip():
    w = variable([3, 4])
    optimizer = LARS(
        WarmupCosine(2.0, 4, 12),
        momentum=0.8,
        weight_decay=0.1,
        trust_coefficient=0.01,
        variant="popular",
        nesterov=True,
        excluded_lr_factor=0.5,
    )
    optimizer.exclude([w])
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(json.loads(json.dumps(config)))
    assert again.get_config() == optimizer.get_config()
    assert again.excluded == [w.path]


def fitted(name, rate, **options):
    """LARS or Muon; both are WithMomentum's."""
    if name == "muon":
        return Muon(rate, momentum=0.8, excluded_lr_factor=2.0)
    return LARS(rate, weight_decay=0.1, **options)


@pytest.mark.parametrize("name", ["lars", "muon"])
def test_is_trained_by_fit_and_survives_save_and_load(tmp_path, name):
    """Saved half way and loaded, a model trains on as if it never stopped."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    optimizer = fitted(name, WarmupCosine(0.01, 2, 100), trust_coefficient=0.1)
    optimizer.exclude(layer.bias for layer in model.layers[1:])
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(16, 3))
    fit = {"x": x, "y": x @ [[1], [2], [3]], "batch_size": 8, "verbose": 0}
    fit["shuffle"] = False
    model.fit(**fit, epochs=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.excluded == optimizer.excluded
    for m in (model, loaded):
        losses = m.fit(**fit, epochs=3).history["loss"]
        assert losses[-1] < losses[0]
    for a, b in zip(model.weights, loaded.weights):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def sequential():
    dense = [keras.layers.Dense(2), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((3,)), *dense])


def nested():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(1)(sequential()(inputs)))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(2)
        self.last = keras.layers.Dense(1)

    def build(self, shape):
        self.hidden.build(shape)
        self.last.build((None, 2))
        self.built = True

    def call(self, inputs):
        return self.last(self.hidden(inputs))


def subclassed():
    model = Subclassed()
    model.build((None, 3))
    return model


@pytest.mark.parametrize("build", [sequential, nested, subclassed])
def test_a_loaded_model_excludes_the_same(tmp_path, build):
    """Whatever its variables' paths have become."""
    model = build()
    biases = [v for v in model.trainable_variables if len(v.shape) == 1]
    model.compile(LARS(0.01, excluded=biases), "mse", run_eagerly=True)
    x = np.ones([4, 3], np.float32)
    model.fit(x, x[:, :1], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.excluded == [
        v.path for v in loaded.trainable_variables if len(v.shape) == 1
    ]
    loaded.fit(x, x[:, :1], verbose=0)


def test_bools_are_of_every_variable():
    w = variable([3, 4])
    with pytest.raises(ValueError, match="of 2 variables, but 1 are trained"):
        LARS(0.1, excluded=[True, False]).build([w])


@pytest.mark.parametrize("name", ["lars", "muon"])
def test_replicas_train_as_one(strategy, name):
    """Keras sums the gradients over replicas, then there is one step."""
    rng = np.random.default_rng(0)
    w0 = rng.normal(size=(4, 3)).astype(np.float32)
    gradients = rng.normal(size=(5, 4, 4, 3)).astype(np.float32)
    count = strategy.num_replicas_in_sync
    with strategy.scope():
        w, b = variable(w0, "w"), variable(np.zeros(3), "b")
        optimizer = fitted(name, WarmupCosine(2.0, 2, 9))
        optimizer.exclude([b])
        optimizer.build([w, b])

    @tf.function
    def step(gradient):
        gradient = tf.reduce_sum(gradient, 0)
        optimizer.apply([gradient, tf.reduce_sum(gradient, 0)], [w, b])

    for gradient in gradients:  # [4, 4, 3], a row for each of four images
        shards = np.split(gradient, count)
        strategy.run(
            step,
            args=(
                strategy.experimental_distribute_values_from_function(
                    lambda context, shards=shards: tf.constant(
                        shards[context.replica_id_in_sync_group]
                    )
                ),
            ),
        )
    assert int(optimizer.iterations.numpy()) == 5

    expected, alone = variable(w0, "w"), variable(np.zeros(3), "b")
    plain = fitted(name, WarmupCosine(2.0, 2, 9))
    plain.exclude([alone])
    plain.build([expected, alone])
    for gradient in gradients.sum(1):
        plain.apply(
            [tf.constant(gradient), tf.constant(gradient.sum(0))],
            [expected, alone],
        )
    np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.5}, "momentum=1.5"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"trust_coefficient": 0.0}, "trust_coefficient=0.0"),
        ({"excluded_lr_factor": -1.0}, "excluded_lr_factor=-1.0"),
        ({"variant": "modern"}, "choose one of classic, popular, barlow"),
        ({"variant": "barlow", "nesterov": True}, "has no nesterov"),
    ],
)
def test_bad_values_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        LARS(0.1, **options)


def test_excluded_variable_that_is_not_trained_is_an_error():
    w, other = variable([3, 4]), variable([3, 4], "other")
    optimizer = LARS(0.1, excluded=[w.path, other.path])
    with pytest.raises(ValueError, match=r"1 excluded .*'other' first"):
        optimizer.build([w])


def test_exclusion_comes_before_build():
    w = variable([3, 4])
    optimizer = LARS(0.1)
    optimizer.build([w])
    with pytest.raises(ValueError, match="before build"):
        optimizer.exclude([w])
