"""A view cut out of a decoded image: near the published resize, flips exact."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Augment
from simclr.data.images.reader import Reader
from simclr.data.views import colour, crop, host, view_draws
from simclr.data.views.boxes import crop_boxes
from simclr.data.views.rooms import Rooms
from tests.images import ListSource, as_file

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "augment.npz")


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def photo(seed, fall=1.3, side=400):
    """A picture whose frequencies fall off as a photo's do: 1 / f ** fall."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    f[0, 0] = 1
    planes = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=[3, side, side])) / f**fall
    )
    grey = planes.mean(0, keepdims=True)  # Colours are fainter than light.
    planes = grey + 0.3 * (planes - grey)
    planes = 128 + 55 * planes / planes.std()
    return np.clip(planes, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)


def cut(image, box=None, *, size, mirrored=False, shape=None):
    out = np.empty([size, size, 3], np.uint8)
    box = (0, 0, *image.shape[:2]) if box is None else box
    crop.cut(image, box, out, shape=shape or image.shape[:2], mirrored=mirrored)
    return out


def published(image, box, size):
    top, left, height, width = box
    part = image[top : top + height, left : left + width]
    part = tf.image.resize(part, [size, size], method="bicubic")
    return np.clip(np.round(part), 0, 255)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def differences(fall):
    """PSNR of views against the published resize, dB."""
    found = []
    for seed in range(4):
        image = photo(seed, fall)
        seeds = np.stack([np.arange(6), np.full([6], seed)], axis=1)
        for box in crop_boxes([image.shape[:2]] * 6, seeds).tolist():
            view = cut(image, box, size=224)
            found.append(psnr(view, published(image, box, 224)))
    return np.array(found)


def test_views_are_near_the_published_resize():
    """The bound: 50 dB on average, 42 at worst."""
    found = np.concatenate([differences(fall) for fall in (1.1, 1.4, 1.7, 2)])
    assert found.mean() > 50
    assert found.min() > 42


def test_sharp_crops_get_the_better_kernel(monkeypatch):
    better = differences(1.1)
    monkeypatch.setattr(crop, "_SHARP", np.inf)
    assert (better > differences(1.1) + 3).all()


def test_flip_mirrors_left_and_right():
    for image in (photo(0), picture(48, 60)):
        plain = cut(image, (3, 5, 40, 31), size=32)
        mirrored = cut(image, (3, 5, 40, 31), size=32, mirrored=True)
        np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_the_whole_image_at_its_size_is_untouched():
    image = picture(32, 32)
    np.testing.assert_array_equal(cut(image, size=32), image)
    mirrored = cut(image, size=32, mirrored=True)
    np.testing.assert_array_equal(mirrored, image[:, ::-1])


def test_turned_images_are_cut_as_upright_ones():
    image = picture(60, 48)
    for turned in (
        np.ascontiguousarray(image.swapaxes(0, 1)).swapaxes(0, 1),
        np.ascontiguousarray(image[::-1])[::-1],
        np.ascontiguousarray(image[:, ::-1])[:, ::-1],
    ):
        np.testing.assert_array_equal(
            cut(turned, (3, 5, 40, 31), size=24),
            cut(image, (3, 5, 40, 31), size=24),
        )


def test_a_reduced_image_is_cut_at_the_same_place():
    image = photo(1, fall=2.0)
    half = image.reshape(200, 2, 200, 2, 3).mean((1, 3)).round().astype("u1")
    whole = cut(image, (40, 60, 300, 240), size=64)
    for top, near in ((40, True), (44, False)):
        view = cut(half, (top, 60, 300, 240), size=64, shape=(400, 400))
        assert (psnr(view, whole) > 45) == near


def test_sharp_edges_do_not_wrap():
    """Bicubic overshoots at an edge; bytes must not go round from 255 to 0."""
    image = np.zeros([40, 40, 3], np.uint8)
    image[:, 20:] = 255
    view = cut(image, size=128)
    assert (view[:, :50] == 0).all()
    assert (view[:, -50:] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (3, 900)])
def test_tiny_and_long_images(shape):
    view = cut(picture(*shape), size=8, mirrored=True)
    assert view.shape == (8, 8, 3)
    flat = np.full([*shape, 3], 77, np.uint8)
    assert (cut(flat, size=8) == 77).all()


def test_golden_views():
    """Crop, flip, jitter and gray together, as the published code's views."""
    count = 2000
    draws = tf.data.Dataset.range(count).map(
        lambda step: view_draws.draw(step, seed=0, batch_size=1)
    )
    draws = next(draws.unbatch().batch(count).as_numpy_iterator())
    image = np.round(255 * GOLDEN["img"]).astype(np.uint8)
    [views, _], _ = host.load_views(
        Reader(ListSource([as_file(image)])),
        np.zeros([count], np.int64),
        draws["crop_seeds"],
        draws["flip"],
        size=32,
        areas=[(0.08, 1.0)] * 2,
        flip_probs=[0.5] * 2,
        rooms=Rooms(),
    )
    steps = Augment(color_strength=0.5, blur_probs=(0, 0)).views[0].steps
    draws = {name: x[:, 0] for name, x in draws.items()}
    found = colour.colour_one_by_one(
        tf.constant(views),
        {name: tf.constant(x) for name, x in draws.items()},
        steps,
    ).numpy()
    means = found.mean(axis=(1, 2))
    spread = GOLDEN["train_32_0.5_std"]
    error = 4 * np.sqrt(2 / count)
    difference = means.mean(0) - GOLDEN["train_32_0.5_mean"]
    assert (np.abs(difference) < error * spread).all()
    np.testing.assert_allclose(means.std(0), spread, rtol=1.5 * error)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="size=0 must be at least 1 pixel"):
        crop.require_crop(size=0, area=(0.1, 1))
    with pytest.raises(ValueError, match=r"area=\(0, 1\) must be"):
        crop.require_crop(size=4, area=(0, 1))
