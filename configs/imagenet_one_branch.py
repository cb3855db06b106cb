"""SimCLR with operations on one view alone, ResNet-50, ImageNet, 100 epochs.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Section 3.1 and Figure 5:
    both views are random crops, and what is studied is done to the first. This
    is the cell of crop and colour distortion; another is, say,
    --set augment.view1="crop, cutout, sobel".
Command:
    simclr pretrain --config=configs/imagenet_one_branch.py --strategy=tpu
Hardware: as for configs/imagenet_resnet50.py.
Expected: not yet run by us.
"""

from simclr.config import derive, one_branch

config = derive(
    __file__, "imagenet_resnet50.py", augment=one_branch("jitter", "gray")
)
