"""The view that evaluation sees: the centre of an image, nothing random.

The published rule (google-research/simclr `preprocess_for_eval`): a small image
that already has the right size stays as it is; of any other, the central crop
that keeps 0.875 of the side is resized (bicubic) and clipped.
"""

import functools

import numpy as np
import tensorflow as tf

PROPORTION = 0.875
# Up to this side the published code neither crops nor resizes: CIFAR's 32.
LARGEST_UNTOUCHED = 32
# Images in one call of TensorFlow, which resizes them beside each other.
_TOGETHER = 8


def center_view(image, size):
    """An image as the encoder sees it in evaluation.

    The published code cannot take an image of another size when `size` is at
    most 32 (it crashes); here such an image is cropped and resized like a big
    one.

    Args:
        image: uint8 [h, w, 3], or float [h, w, 3] in [0, 1].
        size: side of the view, pixels.

    Returns:
        float32 [size, size, 3] in [0, 1].
    """
    view = np.empty([1, size, size, 3], np.float32)
    center_views([np.asarray(image)], view)
    return view[0]


def center_views(images, out):
    """`center_view` of several images, which need not be of one size.

    Args:
        images: list of n images, all uint8 or all float, as in `center_view`.
        out: float32 [n, size, size, 3] to write to.
    """
    if not images:
        return
    size = out.shape[1]
    resized = []
    for i, image in enumerate(images):
        if _stays(*image.shape[:2], size):
            out[i] = image
        else:
            resized.append(i)
    for start in range(0, len(resized), _TOGETHER):
        group = resized[start : start + _TOGETHER]
        out[group] = _resize([_crop(images[i]) for i in group], size)
    if images[0].dtype == np.uint8:
        out /= np.float32(255)
    if resized:  # Bicubic weights overshoot near edges.
        np.clip(out, 0.0, 1.0, out=out)


def center_crop(image, size):
    """Central crop, resized (bicubic, no antialiasing), not clipped.

    Args:
        image: [h, w, 3] of any number type.
        size: side of the result, pixels.

    Returns:
        float32 [size, size, 3] in the units of `image`, overshoot included.
    """
    return _resize([_crop(image)], size)[0]


def _crop(image):
    top, left, h, w = _central(*image.shape[:2])
    return image[top : top + h, left : left + w]


def _resize(crops, size):
    """float32 [n, size, size, 3] of [h, w, 3] crops of one number type."""
    with tf.device("CPU:0"):  # No accelerator has this operation.
        resize = _resizer(len(crops), size, crops[0].dtype.name)
        return resize([tf.constant(crop) for crop in crops]).numpy()


@functools.cache
def _resizer(count, size, dtype):
    """A graph for so many crops, whatever their sizes."""

    @tf.function(
        input_signature=[[tf.TensorSpec([None, None, 3], dtype)] * count],
        autograph=False,
    )
    def resize(crops):
        return tf.concat(
            [
                tf.image.resize(crop[None], [size, size], method="bicubic")
                for crop in crops
            ],
            axis=0,
        )

    return resize


def seen(height, width, size):
    """The part of an image that `center_view` shows.

    Args:
        height, width: of the image, pixels.
        size: side of the view, pixels.

    Returns:
        (top, left, height, width), pixels.
    """
    if _stays(height, width, size):
        return 0, 0, height, width
    return _central(height, width)


def _stays(height, width, size):
    """Whether an image is shown as it is."""
    return size <= LARGEST_UNTOUCHED and height == width == size


def _central(height, width):
    """(top, left, height, width) of the central crop."""
    h, w = crop_shape(height, width)
    # The published offset: the odd pixel goes to the top and left margin.
    return (height - h + 1) // 2, (width - w + 1) // 2, h, w


def crop_shape(height, width, aspect_ratio=1.0):
    """Largest crop of an aspect ratio inside 0.875 of an image's side.

    Args:
        height: of the image, pixels.
        width: of the image, pixels.
        aspect_ratio: width / height of the crop.

    Returns:
        (height, width) of the crop, pixels, rounded half to even.
    """
    if aspect_ratio > width / height:  # The image's width is the limit.
        h, w = PROPORTION / aspect_ratio * width, PROPORTION * width
    else:
        h, w = PROPORTION * height, PROPORTION * aspect_ratio * height
    return round(h), round(w)
