"""SimCLR, narrow ResNet-18, your own folder of photos, on a CPU.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709.
Command:
    simclr pretrain --config=configs/photos_resnet18_cpu.py --data=PHOTOS
Hardware: 2 CPU cores; a quarter of an hour for 4,000 photos.
Expected: the sheet of neighbours in docs/results.md.
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=40,
    batch_size=128,
    data=Data(source="photos", image_size=64),
    augment=Augment(
        crop_area=(0.2, 1.0), color_strength=1.0, blur_probs=(0.0, 0.0)
    ),
    # The ImageNet stem halves a view twice: 64 pixels cost as 16 do.
    model=Model(depth=18, width=0.5, stem="imagenet", head_layers=2),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="sgd", base_lr=0.12, weight_decay=5e-4, warmup_epochs=2
    ),
    train=Train(log_steps=10, eval_epochs=5.0, checkpoint_epochs=2.0),
)
