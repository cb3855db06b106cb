"""A sensible config for a folder of images, with the reasons in words."""

import dataclasses
import shlex

import numpy as np

from simclr.config import (
    Augment,
    Config,
    Data,
    Loss,
    Model,
    Optimizer,
    Start,
    Train,
)
from simclr.data.images.decode import decode
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.models import backbones

# Images read to learn their size.
_PROBED = 64


_WHY = {
    "mixed_bfloat16": "this device is faster in it",
    "mixed_float16": "this device is faster in it, and has no bfloat16",
    "float32": "this device has no fast bfloat16",
}


def suggest(source, *, accelerator, replicas, precision="float32"):
    """Chooses a config from the images and the device.

    Args:
        source: the images.
        accelerator: whether steps run on GPUs or TPUs.
        replicas: number of replicas.
        precision: config.Train.precision in which the device is fastest.

    Returns:
        (Config, dict): it and a line for each choice, by the key of the config
        that it is about; by "" what the images are.

    Raises:
        InputError: too few images, or none of those tried can be read.
    """
    count = len(source)
    if count < 2 * replicas or count < 16:
        raise InputError(
            f"{source.name} has {counted(count, 'image')}; contrastive "
            "training needs at least 16, and thousands to be of use."
        )
    return choose(
        source.name,
        count=count,
        side=_median_side(source),
        accelerator=accelerator,
        replicas=replicas,
        precision=precision,
    )


def choose(
    source,
    *,
    count,
    side,
    accelerator=False,
    replicas=1,
    precision="float32",
):
    """The choice itself, of the two numbers that it is made by.

    Args:
        source: name of the images, for the config.
        count: images.
        side: their short side in pixels, as most have it.
        accelerator, replicas, precision: as for `suggest`.

    Returns:
        (Config, dict), as `suggest` returns them.
    """
    size = _view_size(side, accelerator)
    model = _model(size, count, accelerator)
    batch_size = _batch_size(count, replicas, accelerator)
    epochs = epochs_of(count, accelerator)
    small = size <= 64
    notes = {
        "": f"{count:,} images, short side {side} pixels (median of "
        f"{min(count, _PROBED)})",
        "data.image_size": f"views of {size} pixels",
        "model": f"{'accelerator' if accelerator else 'CPU'}: "
        f"{backbones.describe(model)}",
        "batch_size": f"batch {batch_size}: negatives come from the batch",
        "epochs": f"{counted(epochs, 'epoch')}: {epochs * count:,.0f} images "
        "seen; --set epochs=... for more",
        "train.precision": f"{precision}: {_WHY[precision]}",
        "augment.blur_probs": "blur left out: small views do not need it"
        if small
        else "blur on, as for ImageNet",
    }
    optimizer = _optimizer(batch_size, epochs, accelerator)
    if optimizer.name == "muon":
        notes["optimizer"] = "Muon: it learns from fewer images than SGD"
    config = Config(
        epochs=epochs,
        batch_size=batch_size,
        data=Data(source=source, image_size=size),
        augment=_augment(size, accelerator),
        model=model,
        loss=Loss(temperature=0.1 if batch_size >= 1024 else 0.2),
        optimizer=optimizer,
        train=Train(
            precision=precision,
            eval_epochs=max(1.0, float(round(epochs / 10))),
            checkpoint_epochs=max(1.0, float(round(epochs / 50))),
        ),
    )
    return config, notes


def gentle(config, notes):
    """A suggested config for a net that begins with weights, and its notes.

    The settings of configs/photos_from_imagenet.py: the ones for scratch would
    first lose what the weights know (docs/continuing.md).

    Args:
        config, notes: as `suggest` returns them.
    """
    heads = min(2.0, config.epochs / 10)
    config = dataclasses.replace(
        config,
        start=Start(head_epochs=heads, freeze_norm=True, anchor=1.0),
        optimizer=Optimizer(
            name="sgd",
            base_lr=0.02,
            weight_decay=1e-4,
            warmup_epochs=2 * heads,
            layer_decay=0.7,
        ),
    )
    return config, {
        **notes,
        "model": "the net of the weights that it begins with",
        "start": "the heads first, frozen statistics, an anchor to the start",
        "optimizer": "small rates, smaller from the top down; a student of "
        "these weights (simclr distill --teacher) may be better on a CPU",
    }


def _median_side(source):
    """Median short side in pixels of a spread of readable images."""
    rows = np.linspace(0, len(source) - 1, min(len(source), _PROBED))
    sides = []
    for row in rows.astype(int):
        try:
            image = decode(source.read(int(row)), source.bit_depth)
            sides.append(min(image.shape[:2]))
        except (ValueError, OSError):
            continue
    if not sides:
        raise InputError(
            f"None of {len(rows)} images tried in {source.name} can be read; "
            f"run simclr check {shlex.quote(source.name)}."
        )
    return int(np.median(sides))


def _view_size(side, accelerator):
    """Views never larger than the images, nor than the device can take."""
    sizes = (32, 64, 128, 224) if accelerator else (32, 64)
    fitting = [size for size in sizes if size <= side]
    return fitting[-1] if fitting else sizes[0]


def _model(size, count, accelerator):
    """The net that the device trains in reasonable time."""
    if not accelerator:
        # The ImageNet stem halves a view twice: 64 pixels then cost what 16 do
        # with the other one, a tenth of what they would. In so short a time a
        # head of two layers leaves more in the features (docs/results.md).
        small = size <= 32
        return Model(
            depth=18,
            width=0.25 if small else 0.5,
            stem="cifar" if small else "imagenet",
            head_layers=2,
        )
    if size <= 64 and count < 200_000:
        return Model(depth=18, stem="cifar")
    return Model(depth=50, stem="cifar" if size <= 64 else "imagenet")


def _augment(size, accelerator):
    """Views for the time that there is, and for their size.

    A net that learns for a quarter of an hour learns more from views that have
    more of the image in common (docs/results.md).
    """
    small = size <= 64
    return Augment(
        crop_area=(0.08 if accelerator else 0.4, 1.0),
        color_strength=0.5 if size <= 32 or (small and accelerator) else 1.0,
        blur_probs=(0.0, 0.0) if small else (0.5, 0.5),
    )


def _optimizer(batch_size, epochs, accelerator):
    """LARS for large batches; on a CPU Muon, which needs fewer images.

    By Muon 30 epochs of photos gave more than 100 by SGD (docs/results.md). On
    accelerators, whose nets are larger, it has not been tried.
    """
    if batch_size >= 1024:
        return Optimizer(
            name="lars",
            base_lr=0.075,
            lr_scaling="sqrt",
            weight_decay=1e-4,
            warmup_epochs=min(10.0, epochs / 10),
        )
    if accelerator:
        return Optimizer(
            name="sgd",
            base_lr=0.12,
            weight_decay=5e-4,
            warmup_epochs=min(5.0, epochs / 20),
        )
    return Optimizer(
        name="muon",
        base_lr=0.03,
        lr_scaling="none",
        bias_lr_factor=4.0,
        weight_decay=5e-4,  # Of the online probe alone.
        warmup_epochs=min(5.0, epochs / 20),
    )


def _batch_size(count, replicas, accelerator):
    """The largest usual batch with at least 16 steps in an epoch."""
    largest = 256 * replicas if accelerator else 256
    size = 16 * replicas
    while size * 2 <= largest and size * 2 * 16 <= count:
        size *= 2
    return min(size, count // replicas * replicas)


def epochs_of(count, accelerator):
    """Enough passes that a small set is seen often and a large one ends.

    Args:
        count: images.
        accelerator: whether steps run on GPUs or TPUs.
    """
    seen = 100e6 if accelerator else 0.5e6
    return float(np.clip(round(seen / count), 1, 400 if accelerator else 100))
