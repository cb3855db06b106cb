"""SimCLRv2, ResNet-101 2x with selective kernels, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r101_2x_sk1.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 79.0, and fine-tuned on 1 / 10 / 100 % of the
    labels 73.2 / 78.8 / 82.4 (supervised 80.1). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 101, "width": 2.0, "sk_ratio": 0.0625},
)
