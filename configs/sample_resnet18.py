"""SimCLR, narrow ResNet-18, the embedded Fashion-MNIST sample.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709.
Command:
    simclr pretrain --config=configs/sample_resnet18.py
Hardware: 2 CPU cores, a quarter of an hour.
Expected: linear 85.6 to 86.1 %, kNN 82.0 to 83.4 % (three seeds).
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=20,
    batch_size=256,
    data=Data(source="sample/train", eval_source="sample/test", image_size=28),
    augment=Augment(
        crop_area=(0.2, 1.0),  # A tenth of a shoe is no longer a shoe.
        color_strength=1.0,  # Grey images: brightness and contrast remain.
        blur_probs=(0.0, 0.0),
    ),
    model=Model(depth=18, width=0.25, stem="cifar", head_layers=2),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="sgd", base_lr=0.12, weight_decay=5e-4, warmup_epochs=1
    ),
    train=Train(eval_epochs=4.0, checkpoint_epochs=2.0),
)
