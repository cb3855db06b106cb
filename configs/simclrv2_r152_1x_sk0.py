"""SimCLRv2, ResNet-152 1x, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r152_1x_sk0.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 74.5, and fine-tuned on 1 / 10 / 100 % of the
    labels 64.0 / 73.0 / 79.3 (supervised 78.3). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 152},
)
