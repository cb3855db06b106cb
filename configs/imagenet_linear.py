"""Linear evaluation by SGD, as published: a linear layer on a frozen encoder.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.6; the numbers
    are those of the published code's README command.
Command:
    simclr finetune --config=configs/imagenet_linear.py \
        --init=runs/simclrv2_r50_1x_sk0
Hardware: one accelerator with room for 4,096 images, or more of them.
Expected: as published, 71.7 % for SimCLRv2's ResNet-50. Not yet run by us;
    `simclr evaluate` fits the same layer by L-BFGS in minutes.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    task="finetune",
    epochs=90,
    # Crop and flip alone.
    augment={"jitter_prob": 0.0, "gray_prob": 0.0, "blur_probs": (0.0, 0.0)},
    # Batch norm is frozen with the encoder; the published TF 2 code's is not.
    classifier={"from_layer": 0, "freeze": "group4", "zero_init": True},
    optimizer={
        "name": "sgd",
        "base_lr": 0.1,  # x 4096 / 256 = 1.6.
        "lr_scaling": "linear",
        "weight_decay": 1e-6,
        "warmup_epochs": 0.0,
    },
    train={"eval_epochs": 10.0, "checkpoint_epochs": 5.0},
)
