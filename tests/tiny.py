"""A run small enough for a test: 64 sample images, 16 pixels, 8 channels."""

import dataclasses

import numpy as np
from PIL import Image

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

CONFIG = Config(
    epochs=4,
    batch_size=16,
    seed=3,
    data=Data(source="", image_size=16),
    augment=Augment(color_strength=0.5),
    model=Model(
        depth=10, width=0.125, stem="imagenet", head_layers=2, head_dim=16
    ),
    loss=Loss(temperature=0.5),
    optimizer=Optimizer(name="lars", base_lr=1.0, warmup_epochs=1),
    train=Train(log_steps=2, eval_epochs=2.0, checkpoint_epochs=1.0),
)


def write_photos(folder, count=64, classes=("cat", "dog"), side=24, seed=0):
    """Colourful noise in one sub-folder per class; returns the folder."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        name = classes[i % len(classes)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, [4, 4, 3], dtype=np.uint8)
        image = Image.fromarray(coarse).resize((side, side + 3))
        image.save(folder / name / f"{i:03d}.png")
    return folder


BAD = "a/004.png"  # The one of write_photos_and_a_bad_one that is damaged.


def write_photos_and_a_bad_one(folder):
    """Twenty photos, of which nineteen can be read; returns the folder."""
    write_photos(folder, count=20, classes=("a", "b"))
    (folder / BAD).write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    return folder


def config(folder, **changes):
    """CONFIG over the photos in `folder`; changes are whole parts or values."""
    data = dataclasses.replace(CONFIG.data, source=str(folder))
    return dataclasses.replace(CONFIG, **{"data": data, **changes})
