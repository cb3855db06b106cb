"""SimCLRv2, ResNet-152 1x with selective kernels, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r152_1x_sk1.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 77.2, and fine-tuned on 1 / 10 / 100 % of the
    labels 70.0 / 76.5 / 81.3 (supervised 79.9). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"depth": 152, "sk_ratio": 0.0625},
)
