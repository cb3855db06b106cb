"""SimCLRv2's teacher: ResNet-50 fine-tuned on 100 % of ImageNet's labels.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Section 3.1; the numbers
    are those for 10 %, for the authors give none for all labels.
Command:
    simclr finetune --config=configs/imagenet_finetune_100pct.py \
        --init=runs/simclrv2_r50_1x_sk0 \
        --data=tfds:imagenet2012/train
Hardware: a TPU slice with room for 1,024 images.
Expected: as published, 76.3 % from 800 epochs of pretraining. Any other of
    the family's encoders may stand behind --init. Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "imagenet_finetune_1pct.py",
    epochs=30,
    data={"source": "tfds:imagenet2012/train"},
    classifier={"from_layer": 0},  # With all labels: from h (the authors).
)
