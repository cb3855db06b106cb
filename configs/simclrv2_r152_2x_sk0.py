"""SimCLRv2, ResNet-152 2x, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r152_2x_sk0.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 77.4, and fine-tuned on 1 / 10 / 100 % of the
    labels 70.2 / 76.6 / 81.1 (supervised 79.1). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 152, "width": 2.0},
)
