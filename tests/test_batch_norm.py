import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.models.batch_norm import BatchNorm

SHAPES = [(4, 5, 6, 3), (8, 3)]


def values(shape, seed=0):
    """Far from mean 0 and variance 1, in each channel by another amount."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return (x * [1, 2, 3] + [0, -1, 5]).astype(np.float32)


def trained(layer, x, dtype=tf.float32):
    """One training call: output, gradients, moving statistics."""
    x = tf.cast(x, dtype)
    layer.build(x.shape)
    weight = tf.cast(values(x.shape, seed=1), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(weight * tf.cast(y, tf.float32) ** 2)
    assert y.shape == x.shape
    assert y.dtype == layer.compute_dtype
    gradients = tape.gradient(loss, [x, *layer.trainable_variables])
    arrays = [y, *gradients, layer.moving_mean, layer.moving_variance]
    return [np.asarray(tf.cast(a, tf.float64)) for a in arrays]


@pytest.mark.parametrize("shape", SHAPES, ids=["images", "rows"])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}])
@pytest.mark.parametrize(
    ("dtype", "error"), [("float32", 1e-5), ("mixed_bfloat16", 4e-2)]
)
def test_trains_as_keras_does(shape, options, dtype, error):
    """Also the moving variance: the biased one, as in the published code."""
    options = {**options, "gamma_initializer": "ones", "dtype": dtype}
    fused = BatchNorm(**options)
    plain = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, **options
    )
    compute = fused.compute_dtype
    results = zip(
        trained(fused, values(shape), compute),
        trained(plain, values(shape), compute),
    )
    for ours, expected in results:
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, rtol=0, atol=error * scale)


def test_moving_variance_is_the_biased_one():
    x = values((2, 3))
    layer = BatchNorm(momentum=0.25)
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.75 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance, 0.25 + 0.75 * x.var(0), rtol=1e-5
    )


@pytest.mark.parametrize("shape", SHAPES, ids=["images", "rows"])
def test_how_many_images_may_be_unknown(shape):
    """Until the step runs, as in `fit`."""
    known, unknown = BatchNorm(), BatchNorm()
    unknown.build(shape)
    spec = tf.TensorSpec([None, *shape[1:]])
    train = tf.function(
        lambda x: unknown(x, training=True), input_signature=[spec]
    )
    x = values(shape)
    np.testing.assert_allclose(train(x), known(x, training=True), atol=1e-6)
    np.testing.assert_allclose(
        unknown.moving_variance, known.moving_variance, rtol=1e-6
    )


def test_one_value_per_channel_is_finite():
    layer = BatchNorm()
    y = layer(values((1, 3)), training=True)
    np.testing.assert_allclose(y, np.zeros([1, 3]), atol=1e-5)
    assert np.isfinite(layer.moving_variance).all()


def test_float64_keeps_its_precision(float64):
    x = values(SHAPES[0]).astype(np.float64)
    y = BatchNorm()(x, training=True)
    axes = (0, 1, 2)
    expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("trainable", [True, False])
def test_inference_uses_the_moving_statistics(trainable):
    """A frozen layer infers, even in training: Keras's rule."""
    layer = BatchNorm(trainable=trainable)
    layer.build(SHAPES[0])
    layer.moving_mean.assign([1, 2, 3])
    layer.moving_variance.assign([4, 5, 6])
    x = values(SHAPES[0])
    y = layer(x, training=not trainable)
    expected = (x - [1, 2, 3]) / np.sqrt(np.array([4, 5, 6]) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, [1, 2, 3])


def test_is_global_over_replicas(strategy):
    """Value, gradient and moving statistics are those of one big batch."""
    count = strategy.num_replicas_in_sync
    shape = (8, 4, 4, 3)
    x, weight = values(shape), values(shape, seed=1)
    alone = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(whole := tf.constant(x))
        expected_y = alone(whole, training=True)
        loss = tf.reduce_sum(weight * expected_y**2)
    expected_gradient = tape.gradient(loss, whole)

    with strategy.scope():
        layer = BatchNorm()
        layer.build(shape)

    @tf.function
    def step(x, weight):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(weight * y**2)
        return y, tape.gradient(loss, x)

    def shards(whole):
        parts = np.split(whole, count)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    y, gradient = (
        np.concatenate(strategy.experimental_local_results(result))
        for result in strategy.run(step, args=(shards(x), shards(weight)))
    )
    np.testing.assert_allclose(y, expected_y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        gradient, expected_gradient, rtol=1e-4, atol=2e-4
    )
    np.testing.assert_allclose(layer.moving_mean, alone.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance, alone.moving_variance, rtol=1e-5
    )


def test_config_is_that_of_keras():
    config = BatchNorm(name="bn").get_config()
    theirs = keras.layers.BatchNormalization.from_config(config)
    assert theirs.synchronized and theirs.epsilon == 1e-5
    assert theirs.get_config() == config
    assert BatchNorm.from_config(config).get_config() == config


def test_bfloat16_images_are_normalized_in_float32(strategy):
    """Statistics, averages and the division are float32; the output is not."""
    images = np.random.default_rng(0).normal(3, 2, (8, 4, 4, 5))
    images = tf.cast(images, tf.bfloat16)
    with strategy.scope():
        layer = BatchNorm(dtype="mixed_bfloat16", momentum=0.0)
        layer.build((None, 4, 4, 5))
    count = strategy.num_replicas_in_sync
    shards = images
    if count > 1:
        parts = tf.split(images, count)
        shards = strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
    result = strategy.run(
        tf.function(lambda x: layer(x, training=True)), args=(shards,)
    )
    outputs = tf.concat(strategy.experimental_local_results(result), 0)
    assert outputs.dtype == tf.bfloat16
    x = tf.cast(images, tf.float32).numpy()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-5)
    expected = (x - mean) / np.sqrt(variance + layer.epsilon)
    # One rounding to bfloat16's 8 bits at the end.
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), expected, rtol=2**-8, atol=1e-5
    )
