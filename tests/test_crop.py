import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.views import colour, crop, view_draws

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "augment.npz")
SEEDS = tf.constant([[1, 2], [3, 4]])
NEVER, ALWAYS = 0.9, 0.1  # Draws that leave an image as it is, or mirror it.


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", ["300x400", "32x32", "500x333"])
def test_golden_boxes(size):
    height, width = map(int, size.split("x"))
    count = 4000
    boxes = tf.data.Dataset.range(count).map(
        lambda i: crop.crop_box(
            tf.constant([height, width, 3]), tf.stack([i, 7])
        )
    )
    begin, extent = map(np.array, zip(*boxes.as_numpy_iterator()))
    assert (begin >= 0).all()
    assert (begin + extent <= [height, width, 3]).all()
    quantiles = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    shares = np.quantile(
        extent[:, 0] * extent[:, 1] / (height * width), quantiles
    )
    aspects = np.quantile(extent[:, 1] / extent[:, 0], quantiles)
    np.testing.assert_allclose(shares, GOLDEN[f"crop_{size}_area_q"], atol=0.03)
    np.testing.assert_allclose(
        aspects, GOLDEN[f"crop_{size}_aspect_q"], atol=0.02
    )
    np.testing.assert_allclose(
        begin.mean(0)[:2], GOLDEN[f"crop_{size}_meanoffset"], rtol=0.07
    )


def test_two_views_of_one_image():
    image = picture(48, 60)
    views = crop.random_crops(image, SEEDS, [NEVER, NEVER], size=32)
    assert (views.dtype, views.shape) == (tf.uint8, [2, 32, 32, 3])
    assert (views[0] != views[1]).numpy().any()
    for view in range(2):
        begin, extent = crop.crop_box(tf.shape(image), SEEDS[view])
        box = tf.slice(image, begin, extent)
        expected = tf.image.resize(box, [32, 32], method="bicubic")
        expected = np.clip(np.round(expected), 0, 255)
        np.testing.assert_array_equal(views[view], expected)


def test_flip_mirrors_left_and_right():
    image = picture(48, 60)
    plain = crop.random_crops(image, SEEDS, [NEVER, NEVER], size=32)
    second = crop.random_crops(image, SEEDS, [NEVER, ALWAYS], size=32)
    np.testing.assert_array_equal(second[0], plain[0])
    np.testing.assert_array_equal(second[1], plain[1][:, ::-1])


def test_the_whole_image_at_its_size_is_untouched():
    image = picture(32, 32)
    views = crop.random_crops(
        image, SEEDS, [NEVER, ALWAYS], size=32, area=(1.0, 1.0)
    )
    np.testing.assert_array_equal(views, [image, image[:, ::-1]])


def test_sharp_edges_do_not_wrap():
    """Bicubic overshoots at an edge; bytes must not go round from 255 to 0."""
    image = np.zeros([40, 40, 3], np.uint8)
    image[:, 20:] = 255
    views = crop.random_crops(
        image, SEEDS, [NEVER, NEVER], size=128, area=(1.0, 1.0)
    ).numpy()
    assert (views[:, :, :50] == 0).all()
    assert (views[:, :, -50:] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (3, 900)])
def test_tiny_and_long_images(shape):
    views = crop.random_crops(picture(*shape), SEEDS, [0.0, 1.0], size=8)
    assert views.shape == [2, 8, 8, 3]


def test_golden_views():
    """Crop, flip, jitter and gray together, as the published code's views."""
    count = 2000

    def view(step):
        draws = view_draws.draw(step, seed=0, batch_size=1)
        one = {name: x[:, 0] for name, x in draws.items()}
        image = tf.constant(np.round(255 * GOLDEN["img"]), tf.uint8)
        views = crop.random_crops(
            image, draws["crop_seeds"][0], draws["flip"][0], size=32
        )
        return views[0], one

    views = tf.data.Dataset.range(count).map(view).batch(count)
    views, draws = next(iter(views))
    strengths = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}
    draws = {name: x[:, 0] for name, x in draws.items()}
    found = colour.colour_one_by_one(views, draws, **strengths, hue=0.1)
    means = found.numpy().mean(axis=(1, 2))
    spread = GOLDEN["train_32_0.5_std"]
    error = 4 * np.sqrt(2 / count)
    difference = means.mean(0) - GOLDEN["train_32_0.5_mean"]
    assert (np.abs(difference) < error * spread).all()
    np.testing.assert_allclose(means.std(0), spread, rtol=1.5 * error)


def test_bad_input_is_refused():
    image = picture(8, 8)
    with pytest.raises(ValueError, match="size=0 must be at least 1 pixel"):
        crop.random_crops(image, SEEDS, [0.0, 0.0], size=0)
    with pytest.raises(ValueError, match=r"area=\(0, 1\) must be"):
        crop.random_crops(image, SEEDS, [0.0, 0.0], size=4, area=(0, 1))
