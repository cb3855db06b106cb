"""The configs that the studies' runs begin with, at each scale."""

from simclr.config import (
    BYOL,
    Augment,
    Config,
    Data,
    Loss,
    Model,
    Optimizer,
    Train,
)
from simclr.studies.study import DOCS, FULL, QUICK, changed

_EPOCHS = {QUICK: 3.0, DOCS: 8.0, FULL: 100.0}
# Of a few labels; the paper's at full scale.
_MOST_EPOCHS = {QUICK: 60.0, DOCS: 100.0, FULL: 60.0}
_BATCH = {QUICK: 128, DOCS: 256, FULL: 4096}
_STEM = {QUICK: "half", DOCS: "auto", FULL: "imagenet"}


def data(images, size):
    """The photos of a study, config.Data at a side of `size` pixels."""
    return Data(source=images.train, eval_source=images.test, image_size=size)


def simclr(scale, images, seed=0):
    """SimCLR: a narrow ResNet on small images; at full scale the paper's.

    Args:
        scale: of SCALES.
        images: study.Images.
        seed: int.
    """
    if scale == FULL:
        return _imagenet(images, seed)
    return Config(
        epochs=_EPOCHS[scale],
        batch_size=_BATCH[scale],
        seed=seed,
        data=data(images, size=28),
        augment=Augment(crop_area=(0.2, 1.0), blur_probs=(0.0, 0.0)),
        model=Model(depth=10, width=0.25, stem=_STEM[scale], head_layers=2),
        loss=Loss(temperature=0.2),
        # By the square root, so that batches of all sizes learn.
        optimizer=Optimizer(
            name="sgd",
            base_lr=0.0075,
            lr_scaling="sqrt",
            weight_decay=5e-4,
            warmup_epochs=_EPOCHS[scale] / 10,
        ),
        train=_train(scale),
    )


def simclrv2(scale, images, seed=0):
    """SimCLR with a head of three layers; at full scale SimCLRv2's own."""
    config = changed(simclr(scale, images, seed), model={"head_layers": 3})
    if scale != FULL:
        return config
    return changed(  # As configs/simclrv2_r50_1x_sk0.py.
        config,
        epochs=800.0,
        optimizer={"base_lr": 0.1, "warmup_epochs": 40.0},
    )


def supervised(scale, images, seed=0, share=1.0):
    """The same net from a share of the labels alone, on crops and flips."""
    config = simclr(scale, images, seed)
    rates = {"name": "sgd", "base_lr": 0.1, "lr_scaling": "linear"}
    if scale == FULL:
        rates |= {"warmup_epochs": 5.0}
    return changed(
        config,
        task="finetune",
        # As many steps whatever the share, except for the least of them.
        epochs=min(
            config.epochs / share, max(_MOST_EPOCHS[scale], config.epochs)
        ),
        batch_size=1024 if scale == FULL else 128 if share == 1 else 64,
        data={"labels": images.labels.get((share, seed), "")},
        augment=Augment(
            crop_area=config.augment.crop_area,
            jitter_prob=0.0,
            gray_prob=0.0,
            blur_probs=(0.0, 0.0),
        ),
        optimizer=rates,
    )


def finetuned(scale, images, init, *, share=1.0, seed=0, layer=0):
    """A classifier from a pretrained cell and a share of the labels.

    The published rates at full scale (SimCLRv2's README).

    Args:
        init: name of the cell that it starts from.
        share: of the labels; images.labels has its file, by share and seed.
        layer: of the projection head that the classifier sits on.
    """
    return changed(
        supervised(scale, images, seed, share),
        init=init,
        classifier={"from_layer": layer},
        optimizer={
            "name": "lars" if scale == FULL else "sgd",
            "base_lr": 0.005 if scale == FULL else 0.0025,
            "lr_scaling": "sqrt",
            "weight_decay": 0.0,
            "warmup_epochs": 0.0,
        },
    )


def barlow_twins(scale, images, seed=0):
    """Barlow Twins on the same net; at full scale with the paper's numbers."""
    config = simclr(scale, images, seed)
    wide = 8192 if scale == FULL else 512
    config = changed(
        config,
        model={
            "head_layers": 3,
            "head_hidden": wide,
            "head_dim": wide,
            "head_norm": False,
            "joint_views": False,
        },
        loss={"name": "barlow_twins", "trade_off": 0.0051},
    )
    if scale != FULL:
        return changed(
            config, optimizer={"base_lr": 0.005, "lr_scaling": "linear"}
        )
    return changed(
        config,
        epochs=300.0,
        batch_size=2048,
        augment=BYOL,
        loss={"weight": 1 / 32},
        optimizer={
            "lars_variant": "barlow",
            "base_lr": 0.2,
            "lr_scaling": "linear",
            "bias_lr_factor": 0.024,
            "weight_decay": 1e-6,
            "final_lr_share": 0.001,
        },
    )


def digits(scale, source, test, seed=0, *, size, temperature=0.2):
    """SimCLR on synthetic images of digits, whose crops leave most of them.

    Args:
        source, test: words of the images.
        size: side of the views, pixels.
        temperature: of the loss.
    """
    full = scale == FULL
    return Config(
        epochs={QUICK: 2.0, DOCS: 8.0, FULL: 100.0}[scale],
        batch_size={QUICK: 128, DOCS: 256, FULL: 1024}[scale],
        seed=seed,
        data=Data(source=source, eval_source=test, image_size=size),
        augment=Augment(
            crop_area=(0.3, 1.0), color_strength=0.5, blur_probs=(0.0, 0.0)
        ),
        model=Model(
            depth=18 if full else 10,
            width=1.0 if full else 0.25,
            stem=_STEM[scale],
            head_layers=2,
        ),
        loss=Loss(temperature=temperature),
        optimizer=Optimizer(
            name="sgd",
            base_lr=0.0075,
            lr_scaling="sqrt",
            weight_decay=5e-4,
            warmup_epochs=_EPOCHS[scale] / 10,
        ),
        train=_train(scale),
    )


def by_labels(config):
    """A config of images of digits, trained on the labels instead."""
    return changed(
        config,
        task="finetune",
        batch_size=min(config.batch_size, 256),
        optimizer={"base_lr": 0.1, "lr_scaling": "linear"},
    )


def _imagenet(images, seed):
    """As configs/imagenet_resnet50.py."""
    return Config(
        epochs=_EPOCHS[FULL],
        batch_size=_BATCH[FULL],
        seed=seed,
        data=data(images, size=224),
        model=Model(depth=50, stem="imagenet", head_layers=2),
        loss=Loss(temperature=0.1, weight=2.0),
        optimizer=Optimizer(
            base_lr=0.075, lr_scaling="sqrt", weight_decay=1e-4
        ),
        train=_train(FULL),
    )


def _train(scale):
    """Nothing is scored between: the study scores the end."""
    precision = "mixed_bfloat16" if scale == FULL else "float32"
    return Train(precision=precision, eval_epochs=0.0, log_steps=50)
