"""SimCLRv2, ResNet-152 3x with selective kernels, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r152_3x_sk1.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 79.8, and fine-tuned on 1 / 10 / 100 % of the
    labels 74.9 / 80.1 / 83.1 (supervised 80.5). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 152, "width": 3.0, "sk_ratio": 0.0625},
)
