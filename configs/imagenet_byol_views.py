"""SimCLR with BYOL's augmentation, ResNet-50, ImageNet, 100 epochs.

Paper: Grill et al. 2020, arxiv.org/abs/2006.07733, Appendix B: the two views
    differ in how often they are blurred and solarised. All else is SimCLR's.
Command:
    simclr pretrain --config=configs/imagenet_byol_views.py --strategy=tpu
Hardware: as for configs/imagenet_resnet50.py.
Expected: not yet run by us.
"""

from simclr.config import BYOL, derive

config = derive(__file__, "imagenet_resnet50.py", augment=BYOL)
