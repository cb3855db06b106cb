"""SimCLR, ResNet-50, CIFAR-10, 1,000 epochs.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9.
Command:
    simclr pretrain --config=configs/cifar10_resnet50.py
Hardware: a TPU slice or several GPUs.
Expected: as published, linear top-1 94.0 (as the authors say in issue 22 of
    their repository). Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "cifar10_resnet18.py",
    batch_size=1024,
    model={"depth": 50},
)
