import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Augment
from simclr.data.views import colour, view_draws
from simclr.data.views.op import Op, View
from simclr.data.views.operations import blur, jitter
from simclr.data.views.rooms import Rooms
from tests import reference_augment

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "augment.npz")
BARLOW = Augment(
    brightness=0.4,
    contrast=0.4,
    saturation=0.2,
    hue=0.1,
    blur_probs=(1.0, 0.1),
    solarize_probs=(0.0, 0.2),
)
SETTINGS = {
    "simclr v2": Augment(),
    "simclr v1": Augment(brightness_rule="add", color_strength=0.5),
    "strong": Augment(color_strength=1.5, solarize_probs=(0.3, 0.6)),
    "barlow": BARLOW,
}


def images(n=16, size=20, seed=0):
    """uint8 [n, size, size, 3]; smooth, with black, white and gray in it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-0.2, 1.2, size=(n, 5, 5, 3))
    x[:, 0, 0] = x[:, 0, 0, :1]
    x = tf.image.resize(np.clip(x, 0, 1), [size, size]).numpy()
    return np.round(255 * x).astype(np.uint8)


def draws_of(step=3, n=16, seed=1):
    return view_draws.draw(step, seed=seed, batch_size=n)


def of_view(draws, view):
    return {name: x[:, view] for name, x in draws.items()}


ROOMS = Rooms()


def steps(*operations):
    return View.of(operations).steps


def colour_views(augment, n=16, one_by_one=False, compiled=False):
    """Both views of the same images, [2, n, h, w, 3]."""

    @tf.function(jit_compile=compiled)
    def run(x, draws):
        return colour.colour_views(
            [x, x], draws, augment, rooms=ROOMS if one_by_one else None
        )

    return np.stack(run(tf.constant(images(n)), draws_of(n=n)))


@pytest.mark.parametrize("augment", SETTINGS.values(), ids=SETTINGS.keys())
def test_colour_matches_the_published_operations(augment):
    views = colour_views(augment)
    assert views.dtype == np.float32
    strength = augment.color_strength
    for view, image in np.ndindex(2, 16):
        draws = of_view(draws_of(), view)
        expected = reference_augment.colour(
            images()[image] / 255,
            {name: x[image].numpy() for name, x in draws.items()},
            brightness=strength * augment.brightness,
            contrast=strength * augment.contrast,
            saturation=strength * augment.saturation,
            hue=strength * augment.hue,
            brightness_rule=augment.brightness_rule,
            jitter_prob=augment.jitter_prob,
            gray_prob=augment.gray_prob,
            blur_prob=augment.blur_probs[view],
            solarize_prob=augment.solarize_probs[view],
        )
        np.testing.assert_allclose(views[view, image], expected, atol=1e-5)


@pytest.mark.parametrize("augment", [Augment(), BARLOW], ids=["v2", "barlow"])
def test_host_and_device_agree(augment):
    device = colour_views(augment, compiled=True)
    eager = colour_views(augment)
    host = colour_views(augment, one_by_one=True)
    np.testing.assert_allclose(device, eager, atol=1e-5)
    np.testing.assert_allclose(host, eager, atol=1e-5)
    assert device.min() >= 0 and device.max() <= 1


def test_host_work_runs_in_tf_data():
    expected = colour_views(Augment(), one_by_one=True)
    rows = {"image": images(), "draws": draws_of()}
    batches = tf.data.Dataset.from_tensor_slices(rows)
    batches = batches.batch(4, drop_remainder=True).map(
        lambda rows: colour.colour_views(
            [rows["image"], rows["image"]],
            rows["draws"],
            Augment(),
            rooms=ROOMS,
        ),
        num_parallel_calls=2,
    )
    found = np.concatenate(list(batches.as_numpy_iterator()), axis=1)
    # The bits, so that the number of replicas changes nothing.
    np.testing.assert_array_equal(found, expected)


def test_one_image_alone_is_as_in_its_batch():
    augment = dataclasses.replace(BARLOW, solarize_probs=(0.5, 0.5))
    together = colour_views(augment)
    for i in range(16):
        x = tf.constant(images()[i : i + 1])
        draws = {name: x[i : i + 1] for name, x in draws_of().items()}
        alone = np.stack(colour.colour_views([x, x], draws, augment))
        np.testing.assert_allclose(alone[:, 0], together[:, i], atol=1e-6)


def test_float64_stays():
    x = tf.constant(images() / 255)
    draws = of_view(draws_of(), 0)
    operations = steps(*map(Op, ("jitter", "gray", "blur", "solarize")))
    batch = colour.colour(x, draws, operations)
    one_by_one = colour.colour_one_by_one(x, draws, operations)
    assert batch.dtype == one_by_one.dtype == tf.float64
    np.testing.assert_allclose(one_by_one, batch, atol=1e-12)


def test_nothing_to_do_changes_nothing():
    x, draws = tf.constant(images()), of_view(draws_of(), 0)
    nothing = colour.colour(x, draws, steps(Op("jitter", prob=0)))
    np.testing.assert_allclose(nothing, images() / 255, atol=1e-7)
    strengths = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
    weak = colour.colour(x, draws, steps(Op("jitter", prob=1, **strengths)))
    np.testing.assert_allclose(weak, images() / 255, atol=2e-6)


def test_solarise_inverts_from_128_on():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    levels = np.repeat(levels, 3, axis=3)
    out = colour.colour(
        tf.constant(levels),
        of_view(draws_of(n=1), 0),
        steps(Op("solarize", prob=1)),
    )
    expected = np.where(levels >= 128, 255 - levels, levels)
    np.testing.assert_allclose(255 * out, expected, atol=1e-4)


def planes(name):
    return tf.transpose(GOLDEN[name][None], [0, 3, 1, 2])


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in GOLDEN.files
        if name.startswith(("blur", "contrast", "saturation", "hue", "gray"))
    ],
)
def test_golden_operations(name):
    operation, *numbers = name.split("_")
    numbers = [float(number.lstrip("ks")) for number in numbers]
    if operation == "blur":
        kernel_size, sigma = numbers
        found = blur.gaussian_blur(
            planes("img"), sigma, kernel_size=int(kernel_size)
        )
    elif operation == "gray":
        found = colour.colour(
            GOLDEN["img"][None],
            of_view(draws_of(n=1), 0),
            steps(Op("gray", prob=1)),
        )
        found = tf.transpose(found, [0, 3, 1, 2])
    else:
        adjust = getattr(jitter, f"adjust_{operation}")
        found = adjust(planes("img"), numbers[0])
    found = tf.transpose(found, [0, 2, 3, 1])[0, ::2, ::2]
    np.testing.assert_allclose(found, GOLDEN[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "strength"), [("multiply", 1.0), ("add", 0.5)]
)
def test_golden_statistics(rule, strength):
    """4000 jittered images are like 4000 of the published code."""
    count, rows = 4000, 10
    draws = tf.data.Dataset.range(count // rows)
    draws = draws.map(lambda step: draws_of(step, rows)).unbatch().batch(count)
    x = tf.tile(GOLDEN["smooth"][None], [count, 1, 1, 1])
    augment = Augment(color_strength=strength, brightness_rule=rule)
    augment = dataclasses.replace(augment, blur_probs=(0.0, 0.0))
    draws = next(iter(draws))
    found, _ = colour.colour_views([x, x], draws, augment, rooms=ROOMS)
    found = found.numpy()

    version = {"multiply": "v2", "add": "v1"}[rule]
    golden = f"jit_simclr{version}_{strength}"
    means = found.mean(axis=(1, 2))  # [count, 3]
    spread = GOLDEN[f"{golden}_chanmean_std"]
    error = 4 * np.sqrt(2 / count)  # 4 deviations; both sides are samples.
    difference = means.mean(0) - GOLDEN[f"{golden}_chanmean_mean"]
    assert (np.abs(difference) < error * spread).all()
    np.testing.assert_allclose(means.std(0), spread, rtol=error)
    np.testing.assert_allclose(
        found.std(axis=(1, 2)).mean(), GOLDEN[f"{golden}_pixstd"], rtol=0.02
    )
    shares = [
        (np.ptp(found, axis=3).max(axis=(1, 2)) < 1e-6).mean(),  # Gray.
        (found == GOLDEN["smooth"]).all(axis=(1, 2, 3)).mean(),  # Untouched.
    ]
    np.testing.assert_allclose(
        shares, GOLDEN[f"{golden}_fracs"], atol=error * 0.4
    )
