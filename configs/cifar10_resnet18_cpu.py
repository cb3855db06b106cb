"""SimCLR, narrow ResNet-18, CIFAR-10, an hour on two CPU cores.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Appendix B.9 (CIFAR-10).
Command:
    simclr pretrain --config=configs/cifar10_resnet18_cpu.py \
        --data=cifar10/train --eval_data=cifar10/test
Hardware: 2 cores; 15 minutes with AMX and --set
    train.precision=mixed_bfloat16, under an hour with AVX2.
Expected: linear 67.6 %, kNN 66.7 % (README).
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=15,
    batch_size=256,
    # Views of 24 pixels cost 0.56 of 32's; the encoder is evaluated at 32.
    data=Data(source="cifar10/train", image_size=24, eval_image_size=32),
    augment=Augment(
        crop_area=(0.2, 1.0),  # Short training does better without tiny crops.
        color_strength=0.5,  # The published CIFAR-10 recipe: 0.5, no blur.
        blur_probs=(0.0, 0.0),
    ),
    model=Model(depth=18, width=0.25, stem="cifar", head_layers=2),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="sgd", base_lr=0.25, weight_decay=5e-4, warmup_epochs=1
    ),
    train=Train(eval_epochs=5.0, checkpoint_epochs=1.0, eval_images=2000),
)
