"""SimCLRv2, ResNet-101 1x, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r101_1x_sk0.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 73.6, and fine-tuned on 1 / 10 / 100 % of the
    labels 62.1 / 71.4 / 78.2 (supervised 78.0). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 101},
)
