"""SimCLRv2's teacher: ResNet-50 fine-tuned on 10 % of ImageNet's labels.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Section 3.1; the numbers
    are those of the published code.
Command:
    simclr finetune --config=configs/imagenet_finetune_10pct.py \
        --init=runs/simclrv2_r50_1x_sk0 \
        --data=tfds:imagenet2012_subset/10pct/train
Hardware: a TPU slice with room for 1,024 images.
Expected: as published, 68.4 % from 800 epochs of pretraining. Any other of
    the family's encoders may stand behind --init. Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    task="finetune",
    epochs=30,
    batch_size=1024,
    data={"source": "tfds:imagenet2012_subset/10pct/train"},
    # Crop and flip alone.
    augment={"jitter_prob": 0.0, "gray_prob": 0.0, "blur_probs": (0.0, 0.0)},
    classifier={"from_layer": 1},  # The head's first layer stays.
    optimizer={
        "base_lr": 0.005,  # x sqrt(1024) = 0.16.
        "weight_decay": 0.0,
        "warmup_epochs": 0.0,
    },
    train={"log_steps": 10, "eval_epochs": 10.0, "checkpoint_epochs": 5.0},
)
