"""SimCLRv2, ResNet-50 1x with selective kernels, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r50_1x_sk1.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 74.6, and fine-tuned on 1 / 10 / 100 % of the
    labels 64.5 / 72.1 / 78.7 (supervised 78.5). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "simclrv2_r50_1x_sk0.py",
    model={"sk_ratio": 0.0625},
)
