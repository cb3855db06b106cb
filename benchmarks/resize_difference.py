"""How far views are from the published resize, on photos of one's own.

    python benchmarks/resize_difference.py --images=PHOTOS

Cuts random boxes out of each photo as training does (data/views/crop.py) and
as published (tf.image.resize, bicubic, rounded), and tells the peak
signal-to-noise ratio between them, dB; beside it that of OpenCV's cubic and
linear resizes alone. The bound that we keep: 50 on average, 42 at worst.
"""

import argparse
import glob
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import tensorflow as tf

from simclr.data.images.decode import decode
from simclr.data.views.boxes import crop_boxes
from simclr.data.views.crop import cut


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="a folder of JPEGs")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--boxes", type=int, default=2, help="of each photo")
    arguments = parser.parse_args()
    size = (arguments.size, arguments.size)
    found = {"ours": [], "cubic alone": [], "linear alone": []}
    for i, path in enumerate(sorted(glob.glob(arguments.images + "/*.jp*g"))):
        with open(path, "rb") as file:
            image = decode(file.read())
        shapes = [image.shape[:2]] * arguments.boxes
        seeds = [(i, box) for box in range(arguments.boxes)]
        for box in crop_boxes(shapes, seeds).tolist():
            top, left, height, width = box
            crop = image[top : top + height, left : left + width]
            resized = tf.image.resize(crop, size, method="bicubic")
            published = np.clip(np.round(resized), 0, 255)
            ours = np.empty([*size, 3], np.uint8)
            cut(image, box, ours, shape=image.shape[:2], mirrored=False)
            views = (
                ours,
                *(
                    cv2.resize(crop, size, interpolation=kind)
                    for kind in (cv2.INTER_CUBIC, cv2.INTER_LINEAR)
                ),
            )
            for ratios, view in zip(found.values(), views):
                ratios.append(psnr(view, published))
    for name, ratios in found.items():
        print(
            f"{name:12}  {np.mean(ratios):.1f} dB on average, "
            f"{np.min(ratios):.1f} at worst, of {len(ratios):,} views"
        )


def psnr(one, other):
    """dB, of bytes; 99 where they are equal."""
    error = np.mean((one.astype(np.float32) - other) ** 2)
    return 10 * np.log10(255**2 / error) if error else 99.0


if __name__ == "__main__":
    main()
