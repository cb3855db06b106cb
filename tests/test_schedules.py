import itertools
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Config, Optimizer
from simclr.optimizers.schedules import (
    WarmupCosine,
    WarmupLinear,
    scaled_lr,
    total_steps,
    warmup_steps,
)
from simclr.training.tasks import optimizing

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "lr_schedule.npz")
BARLOW = np.load(pathlib.Path(__file__).parent / "golden" / "barlow.npz")


def published(case):
    """The schedule of a golden case, its steps and learning rates."""
    config = json.loads(str(GOLDEN[f"{case}_cfg"]))
    batch_size = config["train_batch_size"]
    schedule = WarmupCosine(
        peak_lr=scaled_lr(
            config["learning_rate"],
            batch_size,
            config["learning_rate_scaling"],
        ),
        warmup_steps=warmup_steps(
            config["warmup_epochs"], config["n"], batch_size
        ),
        total_steps=total_steps(
            config["train_epochs"], config["n"], batch_size
        ),
    )
    return schedule, GOLDEN[f"{case}_steps"], GOLDEN[f"{case}_lr"]


@pytest.mark.parametrize("case", ["c0", "c2"])
def test_golden(case):
    schedule, steps, expected = published(case)
    assert schedule.total_steps == GOLDEN[f"{case}_total"]
    rates = tf.map_fn(schedule, tf.constant(steps), tf.float32)
    # Near the end the published cosine is left with float32's noise around 1.
    np.testing.assert_allclose(
        rates, expected, rtol=1e-6, atol=1e-7 * schedule.peak_lr
    )


@pytest.mark.parametrize("case", ["c0", "c2"])
def test_is_exact_to_the_last_step(case):
    schedule, _, _ = published(case)
    peak, warm = schedule.peak_lr, schedule.warmup_steps
    total = schedule.total_steps
    steps = np.r_[0:10, warm - 2 : warm + 3, total - 100 : total]
    done = np.maximum(steps - warm, 0) / (total - warm)
    cosine = peak * np.sin(np.pi / 2 * (1 - done)) ** 2
    expected = np.where(steps < warm, peak * steps / warm, cosine)
    rates = tf.map_fn(schedule, tf.constant(steps), tf.float32)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_golden_barlow():
    """12 epochs of 5 steps: 10 of warm-up, then down to a thousandth."""
    _, _, batch_size, weight_lr, bias_lr = BARLOW["lr_cfg"]
    for column, base_lr in enumerate([weight_lr, bias_lr]):
        peak_lr = scaled_lr(base_lr, batch_size)
        schedule = WarmupCosine(peak_lr, 50, 60, final_share=0.001)
        rates = tf.map_fn(schedule, tf.range(60), tf.float32)
        np.testing.assert_allclose(
            rates, BARLOW["lr_trace"][:, column], rtol=1e-5, atol=1e-9
        )
        assert float(schedule(60)) == pytest.approx(0.001 * peak_lr)


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.float32])
def test_starts_at_zero_peaks_and_ends_at_zero(dtype):
    schedule = WarmupCosine(peak_lr=2.0, warmup_steps=4, total_steps=12)
    rates = [float(schedule(tf.constant(i, dtype))) for i in range(14)]
    np.testing.assert_allclose(rates[:5], [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(rates[8], 1, rtol=1e-6)
    assert rates[12:] == [0, 0]
    assert all(a > b for a, b in itertools.pairwise(rates[4:13]))


def test_linear_decay():
    schedule = WarmupLinear(2.0, 4, 12, final_share=0.1)
    rates = [float(schedule(tf.constant(i))) for i in range(14)]
    falling = [2 * (0.1 + 0.9 * (12 - i) / 8) for i in range(4, 13)]
    expected = [0, 0.5, 1, 1.5, *falling, falling[-1]]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_the_decay_of_a_config(decay):
    config = Config(
        batch_size=32,
        optimizer=Optimizer(
            base_lr=1.0,
            lr_scaling="none",
            lr_decay=decay,
            warmup_epochs=0.0,
        ),
    )
    schedule = optimizing.schedule(config, 320, 40)
    assert float(schedule(20)) == pytest.approx(0.5)
    quarter = {"cosine": 0.5 + 0.5**1.5, "linear": 0.75}
    assert float(schedule(10)) == pytest.approx(quarter[decay])


@pytest.mark.parametrize(
    ("warm", "total", "expected"),
    [(0, 2, [3, 1.5, 0]), (2, 2, [0, 1.5, 0]), (4, 2, [0, 0.75, 1.5])],
)
def test_degenerate_lengths(warm, total, expected):
    schedule = WarmupCosine(3.0, warm, total)
    rates = [float(schedule(tf.constant(i))) for i in range(3)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_config_round_trip():
    schedule = WarmupCosine(2.0, 4, 12, final_share=0.1)
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    ("scaling", "expected"), [("linear", 4.8), ("sqrt", 19.2), ("none", 0.3)]
)
def test_scaled_lr(scaling, expected):
    np.testing.assert_allclose(scaled_lr(0.3, 4096, scaling), expected)


def test_steps_of_fractional_epochs():
    assert total_steps(0.5, 1000, 100) == 6
    assert total_steps(0.01, 1000, 100) == 1
    assert warmup_steps(0.25, 1000, 100) == 2
    assert type(total_steps(0.5, 1000, 100)) is int
    assert type(warmup_steps(0.5, 1000, 100)) is int


def test_bad_values_are_errors():
    with pytest.raises(ValueError, match="scaling='cubic'"):
        scaled_lr(0.3, 256, "cubic")
    with pytest.raises(ValueError, match="warmup_steps=-1"):
        WarmupCosine(1.0, -1, 10)
    with pytest.raises(ValueError, match="total_steps=0"):
        WarmupCosine(1.0, 0, 0)
    with pytest.raises(ValueError, match=r"final_share=1.5"):
        WarmupCosine(1.0, 0, 10, final_share=1.5)
