"""Sensible configs for fine-tuning and distillation, with the reasons.

Chen et al. 2020b (arXiv 2006.10029): LARS without weight decay or warm-up,
0.005 sqrt(B), 60 epochs on 1 % of ImageNet's labels (12,811 images, 751 steps
of 1024) and 30 on 10 %. A few hundred labels make too few steps of that in 60
epochs, so here the number of steps stands, not that of epochs. No stage costs
more than pretraining on the same images does.
"""

import dataclasses

import numpy as np

from simclr.config import (
    Augment,
    Classifier,
    Optimizer,
    Start,
    Train,
    suggest,
)
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

_STEPS = 750
_PUBLISHED_BATCH, _SMALL_BATCH = 1024, 64
# Of a student of features: it is to see what its teacher saw of the image.
GENTLE = Augment(
    crop_area=(0.3, 1.0),
    brightness=0.3,
    contrast=0.3,
    saturation=0.0,
    hue=0.0,
    gray_prob=0.0,
    blur_probs=(0.0, 0.0),
)
# Of the augmentation these tasks keep crop and flip (the paper, Section 3.1).
CROP_AND_FLIP = Augment(jitter_prob=0.0, gray_prob=0.0, blur_probs=(0.0, 0.0))


def finetune(start, source, *, from_scratch, accelerator, replicas):
    """A config for a run's weights and some labels.

    Args:
        start: Config of the run to start from.
        source: Source of the images, with labels.
        from_scratch: whether the weights are fresh: the supervised baseline.
        accelerator: whether steps run on GPUs or TPUs.
        replicas: number of replicas.

    Returns:
        (Config, dict): as from suggest.suggest.

    Raises:
        InputError: there are no labels.
    """
    if source.labels is None:
        raise InputError(
            f"{source.unlabelled()}: say --labels=labels.csv (id,label)."
        )
    count = int((source.labels >= 0).sum())
    batch_size = _batch_size(count, replicas, accelerator)
    # A view an image, where pretraining has two.
    most = 2 * suggest.epochs_of(len(source), accelerator) * len(source) / count
    epochs = float(np.clip(round(_STEPS * batch_size / count), 30, 200))
    epochs = min(epochs * (3 if from_scratch else 1), max(1.0, round(most)))
    layer = min(1, max(0, _head_layers(start) - 1))
    if from_scratch:
        optimizer = Optimizer(
            name="sgd", base_lr=0.1, weight_decay=5e-4, warmup_epochs=5.0
        )
        why = "SGD 0.1, decay 5e-4: the weights are fresh"
    else:
        optimizer = _gentle(batch_size)
        why = _words(optimizer)
    notes = {
        "": f"{counted(count, 'labelled image')} of {len(source):,}",
        "batch_size": f"batch {batch_size}",
        "epochs": counted(epochs, "epoch"),
        "optimizer": why,
        "classifier.from_layer": f"from layer {layer} of the projection head"
        if layer
        else "from the encoder's output: the run has no deeper head",
    }
    config = dataclasses.replace(
        start,
        task="finetune",
        epochs=epochs,
        batch_size=batch_size,
        augment=_crops(start),
        start=Start(),
        classifier=Classifier(from_layer=layer),
        optimizer=optimizer,
        train=_train(start, epochs),
    )
    return config, notes


def distill(start, source, *, accelerator, replicas):
    """A config for a student of the same net as `start`.

    Args:
        start: Config of the teacher, or of the weights to start from.
        source: Source of the images.
        accelerator: whether steps run on GPUs or TPUs.
        replicas: number of replicas.

    Returns:
        (Config, dict): as from suggest.suggest.
    """
    count = len(source)
    batch_size = _batch_size(count, replicas, accelerator)
    if not accelerator:
        batch_size = min(batch_size, 128)  # More steps in the same time.
    # A view an image and a third of that for the teacher's look at it, where
    # pretraining has two views.
    epochs = suggest.epochs_of(count, accelerator)
    epochs = min(400.0, float(round(1.5 * epochs)))  # 400 are the paper's.
    config = dataclasses.replace(
        start,
        task="distill",
        epochs=epochs,
        batch_size=batch_size,
        init="",
        augment=_crops(start),
        start=Start(),
        classifier=dataclasses.replace(start.classifier, freeze="none"),
        optimizer=Optimizer(
            # Also where there are weights: a smaller rate gains nothing, this
            # one after 20 epochs (docs/measurements.md).
            name="sgd",
            base_lr=0.1,
            weight_decay=5e-4,
            warmup_epochs=1.0,
        ),
        train=_train(start, epochs),
    )
    return config, {
        "": f"all {count:,} images",
        "batch_size": f"batch {batch_size}",
        "epochs": f"{counted(epochs, 'epoch')}; --set epochs=... for more",
        "optimizer": "SGD 0.1, decay 5e-4",
        "distill": "the teacher's labels alone (alpha 1) at temperature 1",
        "model": "the teacher's net; --set model.... for another",
    }


def distill_encoder(source, *, accelerator, replicas, precision="float32"):
    """A config for a student of a frozen encoder, without labels.

    Args:
        source, accelerator, replicas, precision: as for suggest.suggest.

    Returns:
        (Config, dict): as from suggest.suggest.

    Raises:
        InputError: as suggest.suggest.
    """
    config, notes = suggest.suggest(
        source, accelerator=accelerator, replicas=replicas, precision=precision
    )
    count = len(source)
    batch_size = min(
        _batch_size(count, replicas, accelerator), config.batch_size
    )
    if not accelerator:
        batch_size = min(batch_size, 128)
    # Short training of small images does better with large crops.
    smallest = 0.6 if config.data.image_size <= 32 else GENTLE.crop_area[0]
    seen = 50e6 if accelerator else 0.25e6
    epochs = float(np.clip(round(seen / count), 2, 400 if accelerator else 100))
    config = dataclasses.replace(
        config,
        task="distill_encoder",
        epochs=epochs,
        batch_size=batch_size,
        augment=dataclasses.replace(GENTLE, crop_area=(smallest, 1.0)),
        optimizer=Optimizer(
            # 0.4 at a batch of 128, where 0.1 lost 4 points (docs/students.md).
            name="sgd",
            base_lr=0.035,
            lr_scaling="sqrt",
            weight_decay=5e-4,
            warmup_epochs=min(5.0, epochs / 20),
        ),
        train=dataclasses.replace(
            _train(config, epochs),
            checkpoint_epochs=float(
                np.clip(round(1e6 / count), 1, max(1, epochs // 5))
            ),
        ),
    )
    if not accelerator:  # The look is to be shorter than the training.
        size = max(96, 2 * config.data.image_size)
        config = dataclasses.replace(
            config,
            distill_encoder=dataclasses.replace(
                config.distill_encoder,
                teacher_size=size,
                mirror=count <= 10_000,
            ),
        )
    left = ("", "data.image_size", "model", "train.precision")
    return config, {name: notes[name] for name in left} | {
        "batch_size": f"batch {batch_size}",
        "epochs": f"{counted(epochs, 'epoch')}: {epochs * count:,.0f} images "
        "seen; --set epochs=... for more",
        "augment": f"crops of {smallest:g} to 1 of the area; light and "
        "contrast",
        "optimizer": f"SGD {config.optimizer.base_lr:g} sqrt(batch)",
        "distill_encoder": "the teacher's similarities to "
        f"{min(count, config.distill_encoder.queue):,} images; it sees "
        f"{_sees(config.distill_encoder)}",
    }


def _sees(wanted):
    """What the teacher is shown, in words."""
    size = "its own size"
    if wanted.teacher_size:
        size = f"{wanted.teacher_size} pixels, unless its file takes one size"
    return f"{size}, mirrored, too" if wanted.mirror else size


def _head_layers(start):
    """How many layers the run's projection head has; 0: it trained none."""
    if start.task == "distill_encoder" and not start.distill_encoder.contrast:
        return 0
    return start.model.head_layers


def _gentle(batch_size):
    """Small steps: the published ones for large batches, else SGD's."""
    if batch_size >= _PUBLISHED_BATCH:
        return Optimizer(
            name="lars",
            base_lr=0.005,
            lr_scaling="sqrt",
            weight_decay=0.0,
            warmup_epochs=0.0,
        )
    return Optimizer(
        name="sgd", base_lr=0.02, weight_decay=0.0, warmup_epochs=0.0
    )


def _words(optimizer):
    if optimizer.name == "lars":
        return "the published LARS: 0.005 sqrt(batch), no decay, no warm-up"
    return f"SGD {optimizer.base_lr:g}, as for batches too small for LARS"


def _batch_size(count, replicas, accelerator):
    """The largest usual batch with about eight steps in an epoch."""
    largest = _PUBLISHED_BATCH if accelerator else 4 * _SMALL_BATCH
    size = 16 * replicas
    while size * 2 <= largest and size * 2 * 8 <= count:
        size *= 2
    return size


def _crops(start):
    area = start.augment.views[0].area
    if area is None:  # It was trained on whole images.
        return CROP_AND_FLIP
    return dataclasses.replace(CROP_AND_FLIP, crop_area=area)


def _train(start, epochs):
    return Train(
        precision=start.train.precision,
        eval_epochs=max(1.0, round(epochs / 5)),
        checkpoint_epochs=max(1.0, round(epochs / 5)),
    )
