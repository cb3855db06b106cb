"""SimCLRv2, ResNet-101 2x, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r101_2x_sk0.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 77.0, and fine-tuned on 1 / 10 / 100 % of the
    labels 69.1 / 75.8 / 80.7 (supervised 78.9). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 101, "width": 2.0},
)
