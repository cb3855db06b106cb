"""Colours by NumPy and OpenCV: those of a device, to float32 rounding."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.views import colour, host_colour, view_draws
from simclr.data.views.op import Op, View
from simclr.data.views.rooms import Rooms
from tests.test_crop import photo

N = 6
JITTERS = [
    Op("jitter", prob=1),
    Op("jitter", prob=1, brightness_rule="add", brightness=0.4, hue=0.5),
    Op("jitter", prob=1, saturation=3.0, hue=0.0, contrast=2.0),
]
# Each operation first and last, each pair of saturation and hue.
ORDERS = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 3, 0, 2), (0, 2, 1, 3)]


@functools.cache
def photos():
    return [photo(seed, side=224) for seed in range(N)]


def both(*ops, step=0, size=40):
    """(device's, host's) [N, s, s, 3] of the first view."""
    view = View.of(ops)
    draws = view_draws.draw(step, seed=1, batch_size=N, views=(view, view))
    draws = {name: x[:, 0] for name, x in draws.items()}
    images = np.stack([x[:size, :size] for x in photos()])
    images[0], images[1], images[2, 5:] = 0, 255, [7, 255, 0]
    device = colour.colour(tf.constant(images), draws, view.steps)
    arrays = {name: x.numpy() for name, x in draws.items()}
    host = host_colour.colour_on_host(images, arrays, view.steps, Rooms())
    assert host.dtype == np.float32
    return device.numpy(), host


@pytest.mark.parametrize("jitter", JITTERS, ids=["simclr", "add", "far"])
def test_jitter_in_several_orders(jitter, monkeypatch):
    real = view_draws.draw

    for order in ORDERS:

        def draw(*arguments, order=order, **options):
            draws = real(*arguments, **options)
            name = view_draws.draw_name("jitter", "order", 1)
            draws[name] = tf.tile(tf.constant([[order]]), [N, 2, 1])
            return draws

        monkeypatch.setattr(view_draws, "draw", draw)
        device, host = both(jitter, step=sum(order[:2]))
        np.testing.assert_allclose(host, device, atol=2e-5)


@pytest.mark.parametrize("size", [8, 32, 224])
@pytest.mark.parametrize("sigma", [(0.1, 0.1), (0.5, 1.0), (2.0, 2.0)])
def test_blur(size, sigma):
    device, host = both(Op("blur", prob=1, sigma=sigma), size=size)
    np.testing.assert_allclose(host, device, atol=5e-6)


def test_gray_and_solarize():
    device, host = both(Op("gray", prob=1))
    np.testing.assert_allclose(host, device, atol=1e-6)
    device, host = both(Op("solarize", prob=1, threshold=0.4))
    np.testing.assert_allclose(host, device, atol=1e-6)


def test_what_is_not_chosen_is_not_changed():
    """The whole augmentation, and each image's own choice of its parts."""
    ops = [Op(name) for name in ("jitter", "gray", "blur", "solarize")]
    for step in range(2):
        device, host = both(*ops, step=step)
        # Rounding may put a pixel on the other side of the threshold.
        assert (np.abs(host - device) > 2e-5).mean() < 1e-3


def test_an_operation_without_a_form_here_is_known():
    def steps(*names):
        return View.of(map(Op, names)).steps

    assert host_colour.has_all(steps("jitter", "gray", "blur", "solarize"))
    assert not host_colour.has_all(steps("jitter", "cutout"))
    assert host_colour.has_all(View.of([Op("cutout", prob=0)]).steps)
