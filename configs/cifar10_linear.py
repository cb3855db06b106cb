"""Linear evaluation by SGD on CIFAR-10, as published.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9; the numbers
    are those of the published code's README command.
Command:
    simclr finetune --config=configs/cifar10_linear.py \
        --init=runs/cifar10_resnet18
Hardware: one GPU.
Expected: as published, about 91 % for ResNet-18 after 1,000 epochs. Not yet
    run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "cifar10_resnet18.py",
    task="finetune",
    epochs=100,
    # Crop and flip alone.
    augment={"jitter_prob": 0.0, "gray_prob": 0.0},
    # Batch norm is frozen with the encoder; the published TF 2 code's is not.
    classifier={"from_layer": 0, "freeze": "group4", "zero_init": True},
    optimizer={
        "name": "sgd",
        "base_lr": 0.1,  # x 512 / 256 = 0.2.
        "weight_decay": 0.0,
        "warmup_epochs": 0.0,
    },
)
