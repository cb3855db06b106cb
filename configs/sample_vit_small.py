"""SimCLR, ViT-S/7, the embedded Fashion-MNIST sample: a trial on a CPU.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, with the optimizer of MoCo v3
    (arxiv.org/abs/2104.02057), its learning rate higher for a short run.
Command:
    simclr pretrain --config=configs/sample_vit_small.py
Hardware: 2 CPU cores, a quarter of an hour.
Expected: kNN 71.4 % (untrained 67.8); a transformer needs far more images.
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=1,
    batch_size=128,
    data=Data(source="sample/train", eval_source="sample/test", image_size=28),
    augment=Augment(
        crop_area=(0.2, 1.0),  # A tenth of a shoe is no longer a shoe.
        color_strength=1.0,  # Grey images: brightness and contrast remain.
        blur_probs=(0.0, 0.0),
    ),
    model=Model(name="vit_small", patch=7, head_layers=2),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="adamw", base_lr=1e-3, weight_decay=0.1, warmup_epochs=0.2
    ),
    train=Train(eval_epochs=1.0, checkpoint_epochs=1.0),
)
