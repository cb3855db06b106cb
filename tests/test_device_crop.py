"""Crops inside the compiled step: the host's distribution and its pixels."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.images import center_crop
from simclr.data.views import device_crop
from simclr.data.views.boxes import crop_boxes
from simclr.data.views.op import Op, View
from tests.test_crop import GOLDEN, picture

VIEWS = [View.of([Op("crop", area=(0.2, 1.0)), Op("flip")])] * 2
QUANTILES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]


def sample(height, width, count=4000, area=(0.08, 1.0)):
    """Boxes of both views, [2 count, 4]."""
    found = device_crop.boxes(
        tf.tile([[height, width]], [count, 1]),
        device_crop.draw(3, seed=1, batch_size=count),
        area,
    )
    return found.numpy().reshape(-1, 4)


@pytest.mark.parametrize("size", ["300x400", "32x32", "500x333"])
def test_golden_boxes(size):
    height, width = map(int, size.split("x"))
    found = sample(height, width)
    assert (found[:, :2] >= 0).all()
    assert (found[:, :2] + found[:, 2:] <= [height, width]).all()
    shares = found[:, 2] * found[:, 3] / (height * width)
    aspects = found[:, 3] / found[:, 2]
    np.testing.assert_allclose(
        np.quantile(shares, QUANTILES),
        GOLDEN[f"crop_{size}_area_q"],
        atol=0.03,
    )
    np.testing.assert_allclose(
        np.quantile(aspects, QUANTILES),
        GOLDEN[f"crop_{size}_aspect_q"],
        atol=0.02,
    )
    np.testing.assert_allclose(
        found.mean(0)[:2], GOLDEN[f"crop_{size}_meanoffset"], rtol=0.07
    )


@pytest.mark.parametrize(
    "size, area", [((32, 32), (0.08, 1.0)), ((24, 40), (0.3, 0.6))]
)
def test_boxes_are_distributed_as_the_host_draws_them(size, area):
    """Each of a box's numbers: no count is farther off than chance allows."""
    count = 6000
    seeds = np.stack([np.arange(count), np.full([count], 11)], axis=1)
    host = crop_boxes([size] * count, seeds, area)
    ours = sample(*size, count=count // 2, area=area)
    for number in range(4):
        bins = max(size) + 1
        a, b = (
            np.bincount(x[:, number], minlength=bins)[:bins]
            for x in (host, ours)
        )
        enough = a + b >= 20
        chi2 = ((a - b) ** 2 / np.maximum(a + b, 1))[enough]
        # Its mean is one a bin, its variance two.
        assert chi2.sum() < len(chi2) + 5 * np.sqrt(2 * len(chi2)), number


def test_boxes_are_a_function_of_seed_step_and_row():
    def draws(step, seed, rows):
        return device_crop.draw(step, seed=seed, batch_size=rows).numpy()

    np.testing.assert_array_equal(draws(2, 5, 8)[:3], draws(2, 5, 3))
    assert (draws(2, 5, 8) != draws(3, 5, 8)).mean() > 0.99
    assert (draws(2, 5, 8) != draws(2, 6, 8)).mean() > 0.99
    assert (draws(2, 5, 8)[:, 0] != draws(2, 5, 8)[:, 1]).mean() > 0.99


def test_an_impossible_range_takes_the_whole_image():
    """No box of 0.9 to 1 of a strip has an aspect ratio up to 4 / 3."""
    found = sample(10, 100, count=4, area=(0.9, 1.0))
    np.testing.assert_array_equal(found, [[0, 0, 10, 100]] * 8)


@pytest.mark.parametrize("size", [24, 32, 57])
def test_pixels_are_those_of_the_host(size):
    """Up and down, touching the borders or not, one level at most apart."""
    image = picture(48, 40)
    stored = np.full([1, 64, 64, 3], 255, np.uint8)  # Beyond it: not zeros.
    stored[0, :48, :40] = image
    for box in ([0, 0, 48, 40], [5, 7, 20, 16], [30, 2, 18, 38], [40, 1, 1, 3]):
        top, left, height, width = box
        cut = image[top : top + height, left : left + width]
        expected = tf.image.resize(cut, [size, size], method="bicubic")
        ours = device_crop.resize(stored, tf.constant([box]), size=size)
        np.testing.assert_allclose(ours[0], expected, atol=0.5)


def test_views_compiled_and_not():
    images = np.stack([picture(32, 32, seed) for seed in range(6)])
    extents = tf.constant([[32, 32], [32, 20]] * 3)
    draws = device_crop.draw(0, seed=0, batch_size=6)
    flips = tf.constant([[0.1, 0.9]] * 6)

    def views(images):
        return device_crop.random_crops(
            images, extents, draws, flips, size=16, views=VIEWS
        )

    plain = views(images)
    compiled = tf.function(views, jit_compile=True)(images)
    boxes = device_crop.boxes(extents, draws, (0.2, 1.0)).numpy()
    for view, (one, other) in enumerate(zip(plain, compiled)):
        assert (one.dtype, one.shape) == (tf.uint8, [6, 16, 16, 3])
        # Half-way values may round either way.
        assert np.abs(one - other.numpy().astype(int)).max() <= 1
        for i, image in enumerate(images):
            top, left, height, width = boxes[i, view]
            cut = image[top : top + height, left : left + width]
            host = tf.image.resize(cut, [16, 16], method="bicubic")
            host = np.clip(np.round(host), 0, 255)
            host = host[:, ::-1] if view == 0 else host
            assert np.abs(one[i].numpy().astype(int) - host).max() <= 1


@pytest.mark.parametrize("size", [24, 32, 40])
def test_without_a_crop_it_is_the_part_that_evaluation_sees(size):
    extents = [[32, 32], [31, 57], [57, 31], [40, 40], [101, 12], [1, 9]]
    found = device_crop.seen(tf.constant(extents), size)
    expected = [center_crop.seen(*extent, size) for extent in extents]
    np.testing.assert_array_equal(found, expected)


def test_each_view_has_its_own_crop():
    images = np.stack([picture(32, 32, seed) for seed in range(3)])
    extents = tf.constant([[32, 32]] * 3)
    views = [
        View.of([Op("crop", area=(0.2, 0.4)), Op("flip", prob=1)]),
        View.of([]),
    ]
    first, second = device_crop.random_crops(
        images,
        extents,
        device_crop.draw(0, seed=0, batch_size=3),
        tf.fill([3, 2], 0.5),
        size=32,
        views=views,
    )
    np.testing.assert_array_equal(second, images)
    assert (first != images[:, :, ::-1]).numpy().mean() > 0.5
    assert (first != images).numpy().mean() > 0.5
