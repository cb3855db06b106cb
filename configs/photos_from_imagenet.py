"""SimCLR that begins from ImageNet's weights, your own photos, on a CPU.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709; what keeps the start is in
    docs/continuing.md.
Command:
    simclr pretrain --config=configs/photos_from_imagenet.py \
        --data=PHOTOS --init=RUN
Hardware: a GPU, or 2 CPU cores for a few hundred photos; on a CPU a student
    costs less and gains more (docs/continuing.md).
Expected: not measured yet; RUN/best has the best weights, the start's at first.
"""

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

config = Config(
    epochs=20,
    batch_size=64,
    data=Data(source="photos", image_size=96),
    # Gentler than SimCLR's: ImageNet's weights know colours, too.
    augment=Augment(
        crop_area=(0.2, 1.0), color_strength=0.5, blur_probs=(0.0, 0.0)
    ),
    model=Model(name="efficientnet_lite0", stem="imagenet", head_layers=2),
    start=Start(
        # A head of random weights would send the encoder anywhere at first.
        head_epochs=2.0,
        # A batch of 64 crops is no match for ImageNet's statistics.
        freeze_norm=True,
        anchor=1.0,
    ),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="sgd",
        base_lr=0.02,
        weight_decay=1e-4,
        warmup_epochs=4,  # The encoder begins at half of the rate.
        layer_decay=0.7,
    ),
    train=Train(log_steps=10, eval_epochs=2.0, checkpoint_epochs=2.0),
)
