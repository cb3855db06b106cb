"""SimCLR, narrow ResNet-18, your own folder of photos, on a CPU.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709.
Command:
    simclr pretrain --config=configs/photos_resnet18_cpu.py --data=PHOTOS
    It is what `simclr pretrain --data=PHOTOS` chooses for 4,000 photos of 128
    pixels, in float32.
Hardware: 2 CPU cores; a quarter of an hour for 4,000 photos in bfloat16.
Expected: the table of photos in docs/results.md.
"""

from simclr.config.suggest import choose

config, _ = choose("photos", count=4000, side=128)
