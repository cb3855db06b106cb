"""How nets take their pixels: as they are in [0, 1], or scaled as in training.

Every set of weights was trained on pixels of one kind, so a net and its weights
name it (config.Model.normalization). No TensorFlow here.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Normalization:
    """An affine function of each colour, of pixels in [0, 1].

    Attributes:
        scale, offset: 3 numbers each, in the order of the channels that the
            net sees: pixel * scale + offset.
        bgr: whether the net sees blue first; channels are turned around before
            they are scaled.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    bgr: bool = False

    def of(self, images):
        """NumPy images [..., 3] in [0, 1] as the net sees them, float32."""
        import numpy as np  # Configs are read without it.

        images = np.asarray(images, np.float32)
        if self.bgr:
            images = images[..., ::-1]
        return images * np.float32(self.scale) + np.float32(self.offset)


def standardized(mean, deviation):
    """The Normalization by a mean and a deviation of pixels in [0, 1]."""
    return Normalization(
        scale=tuple(1 / d for d in deviation),
        offset=tuple(-m / d for m, d in zip(mean, deviation, strict=True)),
    )


NORMALIZATIONS = {
    "none": Normalization((1.0,) * 3, (0.0,) * 3),
    # Of ImageNet's pixels: torchvision, timm, keras.applications' "torch" mode.
    "imagenet": standardized((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # [-1, 1]: Inception's, and that of Google's nets after it.
    "inception": Normalization((2.0,) * 3, (-1.0,) * 3),
    # (x - 127) / 128 of bytes x: EfficientNet-Lite's.
    "lite": Normalization((255 / 128,) * 3, (-127 / 128,) * 3),
    # Bytes less ImageNet's mean, blue first: keras.applications' ResNet-50.
    "caffe": Normalization((255.0,) * 3, (-103.939, -116.779, -123.68), True),
    # github.com/openai/CLIP.
    "clip": standardized(
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
}
