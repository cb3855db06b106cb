"""SimCLR, narrow ResNet-10, CIFAR-10, half an hour on one CPU core.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9 (CIFAR-10).
Command:
    simclr pretrain --config=configs/cifar10_resnet10_cpu.py \
        --data=cifar10/train --eval_data=cifar10/test --set \
        train.precision=mixed_bfloat16
Hardware: one core with bfloat16 (AVX-512), 27 minutes.
Expected: linear 68.5 %, kNN 68.2 %; the ResNet-18 of cifar10_resnet18_cpu has
    67.2 and 66.4 from as much work (docs/measurements.md).
"""

from simclr.config import derive

# Half the work an image: in so short a time more epochs are worth more.
config = derive(
    __file__, "cifar10_resnet18_cpu.py", epochs=27, model={"depth": 10}
)
