import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.images.center_crop import (
    center_crop,
    center_view,
    center_views,
    crop_shape,
)

# From google-research/simclr's TF2 code on TF 2.15: every fourth pixel of the
# crops at 32, every sixteenth at 224; statistics of the whole.
GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "center_crop.npz")
CASES = ["48x60", "300x400", "400x300"]


def image(name):
    small = GOLDEN["img"]  # [48, 60, 3]
    if name == "48x60":
        return small
    wide = tf.image.resize(small, [300, 400]).numpy()
    return wide if name == "300x400" else wide.transpose(1, 0, 2)


@pytest.mark.parametrize(
    "key", [k for k in GOLDEN if k.startswith("cropshape")]
)
def test_shape_of_the_crop(key):
    _, of_image, of_crop = key.split("_")
    height, width = map(int, of_image.split("x"))
    h, w = map(int, of_crop.split("x"))
    assert crop_shape(height, width, w / h) == tuple(GOLDEN[key])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [32, 224])
def test_matches_the_published_crop(name, size):
    key = f"center_crop_{name}_{size}"
    crop = center_crop(image(name), size)
    assert crop.shape == (size, size, 3)
    stride = {32: 4, 224: 16}[size]
    np.testing.assert_allclose(crop[::stride, ::stride], GOLDEN[key], atol=1e-5)
    stats = crop.mean(), crop.std()
    np.testing.assert_allclose(stats, GOLDEN[f"{key}_stats"], rtol=1e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [32, 224])
def test_matches_the_published_view(name, size):
    view = center_view(image(name), size)
    expected = GOLDEN[f"eval_{name}_{size}_stats"]
    np.testing.assert_allclose(
        [view.min(), view.max(), view.mean()], expected, rtol=1e-5, atol=1e-6
    )


def test_bytes_and_floats_give_the_same_view():
    data = np.random.default_rng(0).integers(0, 256, [50, 41, 3], np.uint8)
    view = center_view(data, 24)
    assert view.dtype == np.float32
    np.testing.assert_allclose(
        view, center_view(data.astype(np.float32) / 255, 24), atol=1e-6
    )


@pytest.mark.parametrize("size", [8, 28, 32])
def test_small_images_of_the_right_size_stay_as_they_are(size):
    data = np.random.default_rng(0).integers(0, 256, [size, size, 3], np.uint8)
    np.testing.assert_allclose(center_view(data, size), data / 255, atol=1e-7)


def test_larger_images_of_the_right_size_are_cropped_all_the_same():
    data = np.zeros([48, 48, 3], np.uint8)
    data[3:45, 3:45] = 255  # 42 = 0.875 * 48.
    np.testing.assert_array_equal(center_view(data, 48), 1.0)


@pytest.mark.parametrize("shape", [(28, 28), (32, 40), (1, 1), (1, 300)])
def test_other_sizes_are_cropped_and_resized(shape):
    view = center_view(np.full([*shape, 3], 51, np.uint8), 32)
    assert view.shape == (32, 32, 3)
    np.testing.assert_allclose(view, 0.2, atol=1e-6)


def test_the_odd_pixel_goes_to_the_top_and_left():
    data = np.random.default_rng(0).random([10, 26, 3], np.float32)
    crop = center_crop(data, 9)  # 9 = round(0.875 * 10): nothing to resize.
    np.testing.assert_allclose(crop, data[1:10, 9:18], atol=1e-6)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_many_at_a_time_are_the_same_pixels(size):
    """Bit for bit, whatever their sizes, those that stay among them."""
    rng = np.random.default_rng(0)
    shapes = [*rng.integers(9, 90, [19, 2]).tolist(), [size, size]]
    data = [rng.integers(0, 256, [*s, 3], np.uint8) for s in shapes]
    views = np.full([20, size, size, 3], np.nan, np.float32)
    center_views(data, views)
    for image, view in zip(data, views):
        np.testing.assert_array_equal(view, center_view(image, size))
        crop = np.clip(center_crop(image, size) / np.float32(255), 0, 1)
        if len(image) != size or size > 32:
            np.testing.assert_array_equal(view, crop)
