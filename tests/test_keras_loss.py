"""Objectives and LARS in a Keras user's own model and `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr import losses, optimizers
from simclr.losses.keras_loss import Objective
from tests.conftest import four_replicas
from tests.objectives import views


@keras.saving.register_keras_serializable(package="tests")
class TwoViews(keras.Model):
    def compute_loss(self, x, y, y_pred, sample_weight, training=True):
        return self.loss(*y_pred)


def two_views(loss, optimizer, strategy=None):
    """A compiled model of two inputs [n, 6]; the same weights every time."""
    keras.utils.set_random_seed(0)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        net = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(8, activation="tanh"),
                keras.layers.Dense(4),
            ]
        )
        inputs = [keras.Input((6,)), keras.Input((6,))]
        model = TwoViews(inputs, [net(view) for view in inputs])
        model.compile(optimizer(net), loss(), jit_compile=False)
    return model


def sgd(net):
    return keras.optimizers.SGD(0.1)


def slow_sgd(net):
    """VICReg's gradients are large: at 0.1 its weights run away."""
    return keras.optimizers.SGD(0.002)


def lars(net):
    return optimizers.LARS(
        0.5,
        weight_decay=0.1,
        trust_coefficient=0.1,
        excluded=optimizers.no_decay_variables(net),
    )


def pairs(n=16):
    both = views(n=32, d=6)
    return tf.data.Dataset.from_tensor_slices(((both[0], both[1]),)).batch(
        n, drop_remainder=True
    )


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("nt_xent", lars),
        ("barlow_twins", sgd),
        ("vicreg", slow_sgd),
        ("swd_normal", sgd),
    ],
)
def test_fit_on_replicas_is_one_big_batch(name, optimizer):
    """The loss that `fit` shows, and the weights that its gradients make."""
    one, four = (
        two_views(lambda: Objective(name), optimizer, strategy)
        for strategy in (None, four_replicas())
    )
    before = one.get_weights()
    # One epoch, of four steps: an iterator of tf.distribute that ends may wait
    # for its tuning thread, up to a minute (docs/design.md).
    losses = [
        model.fit(pairs().repeat(2), epochs=1, verbose=0).history["loss"]
        for model in (one, four)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b, old in zip(one.get_weights(), four.get_weights(), before):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        # Barlow Twins does not feel the last bias: it takes the mean away.
        assert a.ndim == 1 or np.abs(a - old).max() > 1e-3


def test_the_value_is_the_objectives():
    z1, z2 = views()
    expected, _ = losses.nt_xent(z1, z2, temperature=0.5)
    loss = Objective("nt_xent", temperature=0.5)(z1, z2)
    assert loss.shape == ()
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    halves = [tf.cast(z, tf.bfloat16) for z in (z1, z2)]
    assert Objective("nt_xent")(*halves).dtype == tf.float32


def test_what_is_random_is_drawn_anew():
    loss, again = Objective("swd_normal"), Objective("swd_normal")
    first = float(loss(*views()))
    assert float(loss(*views())) != first
    assert float(again(*views())) == first
    assert float(Objective("swd_normal", seed=1)(*views())) != first


def test_what_is_random_needs_the_scope():
    loss = Objective("swd_normal")
    z = [tf.constant(view) for view in views()]
    with pytest.raises(ValueError, match="within the strategy's scope"):
        four_replicas().run(lambda: loss(*z))


def test_saved_mixed_and_trained_on(tmp_path):
    """Saved half way and loaded, a mixed model trains on as if it never had."""
    keras.config.set_dtype_policy("mixed_float16")
    model = two_views(lambda: Objective("nt_xent", temperature=0.5), lars)
    model.fit(pairs(), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == model.loss.get_config()
    assert type(loaded.optimizer.inner_optimizer) is optimizers.LARS
    before = model.get_weights()
    for m in (model, loaded):
        m.fit(pairs(), verbose=0)
    for a, b, old in zip(
        model.get_weights(), loaded.get_weights(), before, strict=True
    ):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, old)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("moco", {}, "'moco' .*choose one of nt_xent"),
        ("nt_xent", {"trade_off": 1.0}, "no option 'trade_off'; .*temperature"),
        ("nt_xent", {"negatives": None}, "no option 'negatives'"),
        ("nt_xent", {"temperature": 0.0}, "temperature=0.0"),
        ("swd_normal", {"trade_off": -1.0}, "trade_off=-1.0"),
        ("swd_normal", {"seed": (0, 3)}, "seed=.* must be an int"),
        ("vicreg", {"coefficients": (1, 1, -1)}, r"\(1, 1, -1\) must be"),
    ],
)
def test_bad_values_are_errors_at_once(name, options, message):
    with pytest.raises(ValueError, match=message):
        Objective(name, **options)


def test_rows_have_no_weights():
    with pytest.raises(ValueError, match="takes no sample_weight"):
        Objective("nt_xent")(*views(), sample_weight=np.ones(8))
