import itertools

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.views import view_draws

CHANCES = ("flip", "jitter", "gray", "blur", "solarize")
AMOUNTS = ("brightness", "contrast", "saturation", "hue")


def draw(step=5, n=8, seed=3):
    return view_draws.draw(step, seed=seed, batch_size=n)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, x in expected.items():
        np.testing.assert_array_equal(found[name], x, err_msg=name)


def test_shapes_and_types():
    found = {name: (x.dtype, x.shape.as_list()) for name, x in draw().items()}
    assert found == {
        **{name: (tf.float32, [8, 2]) for name in CHANCES + AMOUNTS},
        "sigma": (tf.float32, [8, 2]),
        "order": (tf.int32, [8, 2, 4]),
        "crop_seeds": (tf.int32, [8, 2, 2]),
    }


@pytest.mark.parametrize("step", [0, 5, 2**40])
def test_same_bits_wherever_drawn(step):
    eager = draw(step)
    steps = tf.data.Dataset.from_tensors(tf.constant(step, tf.int64))
    assert_same(next(iter(steps.map(draw))), eager)
    compiled = tf.function(draw, jit_compile=True)
    assert_same(compiled(tf.constant(step, tf.int64)), eager)


def test_a_row_does_not_depend_on_the_size_of_the_batch():
    larger = {name: x[:8] for name, x in draw(n=1001).items()}
    assert_same(larger, draw())


def test_every_number_is_another():
    """Over seeds, steps, rows, views and purposes nothing repeats."""
    seen = set()
    keys = [(5, 3), (6, 3), (5, 4), (3, 5), (2**32 + 5, 3), (5, 2**32 - 1)]
    for step, seed in keys:
        draws = draw(step, seed=seed)
        for name in CHANCES + AMOUNTS:
            seen.update(draws[name].numpy().ravel())
        seen.update(draws["sigma"].numpy()[0])
        seeds = draws["crop_seeds"].numpy().reshape(-1, 2)
        seen.update(map(tuple, seeds))
    per_step = 8 * 2 * (len(CHANCES + AMOUNTS) + 1) + 2
    # Floats have 24 bits: among 900 two may meet, in 1 of 40 such tests.
    assert len(seen) >= per_step * len(keys) - 1


def test_numbers_are_uniform_and_independent():
    draws = draw(n=20000)
    names = CHANCES + AMOUNTS
    x = np.concatenate([draws[name].numpy() for name in names], axis=1)
    assert x.min() >= 0 and x.max() < 1
    counts = np.stack([np.histogram(u, 20, (0, 1))[0] for u in x.T])
    chi_square = ((counts - 1000) ** 2 / 1000).sum(axis=1)
    assert (chi_square < 19 + 4.5 * np.sqrt(2 * 19)).all()
    correlation = np.corrcoef(x.T) - np.eye(len(x.T))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(20000)


def test_one_order_and_one_sigma_per_step_and_view():
    steps = tf.data.Dataset.range(600).map(lambda step: draw(step, n=2))
    draws = next(iter(steps.batch(600)))
    order = draws["order"].numpy()  # [steps, rows, views, 4]
    sigma = draws["sigma"].numpy()
    for x in (order, sigma):
        np.testing.assert_array_equal(x[:, 0], x[:, 1])
    np.testing.assert_array_equal(
        np.sort(order), np.broadcast_to(range(4), order.shape)
    )
    for view in range(2):
        all_24 = list(itertools.permutations(range(4)))
        found = [all_24.index(tuple(p)) for p in order[:, 0, view]]
        counts = np.bincount(found, minlength=24)
        chi_square = ((counts - 25) ** 2 / 25).sum()
        assert chi_square < 23 + 4 * np.sqrt(2 * 23)
        assert abs(sigma[:, 0, view].mean() - 0.5) < 0.05
    assert 0 < (order[:, 0, 0] == order[:, 0, 1]).all(axis=1).mean() < 0.1
    assert abs(np.corrcoef(sigma[:, 0].T)[0, 1]) < 0.2


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        draw(n=0)
    with pytest.raises(ValueError, match="seed=-1 must be from 0"):
        draw(seed=-1)
