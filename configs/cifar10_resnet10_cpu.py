"""SimCLR, narrow ResNet-10 by Muon, CIFAR-10, a quarter hour on two CPU cores.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9 (CIFAR-10).
Command:
    simclr pretrain --config=configs/cifar10_resnet10_cpu.py \
        --data=cifar10/train --eval_data=cifar10/test --set \
        train.precision=mixed_bfloat16
Hardware: 2 cores with bfloat16 (AVX-512), 15 minutes.
Expected: linear 70.7 %, kNN 69.6 %; the ResNet-18 of cifar10_resnet18_cpu by
    SGD has 67.2 and 66.4 after 15 epochs (docs/measurements.md).
"""

from simclr.config import derive

# Half the work an image, and views that the step cuts: in so short a time more
# epochs are worth more. Muon learns more from each.
config = derive(
    __file__,
    "cifar10_resnet18_cpu.py",
    epochs=28,
    data={"place": "device"},
    model={"depth": 10},
    optimizer={"name": "muon", "base_lr": 0.03, "bias_lr_factor": 8.0},
)
