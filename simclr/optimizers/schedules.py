"""Step counts and the learning-rate schedule of SimCLR."""

import math

import keras
import tensorflow as tf

from simclr.messages.errors import InputError


def total_steps(epochs, num_examples, batch_size):
    """Steps of a run, as published: whole batches in `epochs`, and one more.

    Args:
        epochs: passes over the data; may be fractional.
        num_examples: images in an epoch.
        batch_size: images in the global batch.
    """
    return int(num_examples * epochs // batch_size) + 1


def warmup_steps(epochs, num_examples, batch_size):
    """Steps of the warm-up, as published."""
    return round(num_examples * epochs // batch_size)


def scaled_lr(base_lr, batch_size, scaling="linear"):
    """The peak learning rate for a batch size.

    Args:
        base_lr: learning rate before scaling.
        batch_size: images in the global batch, B.
        scaling: "linear" (base_lr * B / 256), "sqrt" (base_lr * sqrt(B)) or
            "none".

    Raises:
        InputError: an unknown scaling.
    """
    factors = {
        "linear": batch_size / 256,
        "sqrt": math.sqrt(batch_size),
        "none": 1.0,
    }
    if scaling not in factors:
        raise InputError(
            f"scaling={scaling!r}; choose one of {', '.join(factors)}."
        )
    return base_lr * factors[scaling]


@keras.saving.register_keras_serializable(package="simclr")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to the peak, then a cosine to the end.

    Args:
        peak_lr: learning rate at the end of the warm-up.
        warmup_steps: steps of the warm-up, 0 or more.
        total_steps: steps of the run, the warm-up among them.
        final_share: where the cosine ends, as a share of the peak: 0 for
            SimCLR, 0.001 for Barlow Twins.

    Raises:
        InputError: a number of steps or the share is out of range.
    """

    def __init__(self, peak_lr, warmup_steps, total_steps, final_share=0.0):
        super().__init__()
        if warmup_steps < 0:
            raise InputError(
                f"warmup_steps={warmup_steps} must not be below 0."
            )
        if total_steps < 1:
            raise InputError(f"total_steps={total_steps} must be at least 1.")
        if not 0 <= final_share <= 1:
            raise InputError(
                f"final_share={final_share} must be within [0, 1]."
            )
        self.peak_lr = peak_lr
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.final_share = final_share

    def __call__(self, step):
        """The learning rate of `step`, a scalar; float32, the last one past
        the end."""
        # float32 counts steps exactly up to 16 million; a TPU has no float64.
        step = tf.cast(step, tf.float32)
        warm = step / max(self.warmup_steps, 1)
        left = (self.total_steps - step) / max(
            self.total_steps - self.warmup_steps, 1
        )
        share = self.share(tf.clip_by_value(left, 0.0, 1.0))
        share = self.final_share + (1 - self.final_share) * share
        return self.peak_lr * tf.where(step < self.warmup_steps, warm, share)

    def share(self, left):
        """What is left of the peak after the warm-up, a scalar in [0, 1].

        Args:
            left: scalar in [0, 1], the share of those steps that is left.
        """
        # (1 + cos(pi * (1 - left))) / 2, exact to the end, where it nears 0.
        return tf.sin(math.pi / 2 * left) ** 2

    def get_config(self):
        """Arguments of the constructor."""
        return {
            "peak_lr": self.peak_lr,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "final_share": self.final_share,
        }


@keras.saving.register_keras_serializable(package="simclr")
class WarmupLinear(WarmupCosine):
    """Linear warm-up from 0 to the peak, then a straight line to the end.

    Arguments and errors are those of WarmupCosine.
    """

    def share(self, left):
        """What is left of the peak after the warm-up: as much as of the steps.

        Args:
            left: scalar in [0, 1], the share of those steps that is left.
        """
        return left
