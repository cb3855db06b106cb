"""SimCLR, ResNet-18, CIFAR-10, 1,000 epochs, as published.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9; the numbers are
    those of the published code's README command.
Command:
    simclr pretrain --config=configs/cifar10_resnet18.py
Hardware: one GPU.
Expected: as published, about 91 % linear. Not yet run by us.
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=1000,
    batch_size=512,
    data=Data(source="tfds:cifar10/train", eval_source="tfds:cifar10/test"),
    augment=Augment(color_strength=0.5, blur_probs=(0.0, 0.0)),
    model=Model(depth=18, stem="cifar", head_layers=3),
    loss=Loss(temperature=0.5, weight=2.0),
    optimizer=Optimizer(
        name="lars",
        base_lr=1.0,  # x 512 / 256 = 2.
        weight_decay=1e-4,  # The TF 2 command's; the TF 1 command had 1e-6.
        warmup_epochs=10,
    ),
    train=Train(log_steps=50, eval_epochs=20.0, checkpoint_epochs=10.0),
)
