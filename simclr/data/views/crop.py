"""Random crops of one decoded image, one a view: the host's part.

SimCLR's crop is the Inception crop as TensorFlow samples it, which is not
torchvision's: areas are not uniform (their median is 0.36 on a 300 x 400 image)
and none is below a tenth of the image, because a crop must cover that much.
"""

import tensorflow as tf

from simclr.messages.errors import InputError

ASPECT = (3 / 4, 4 / 3)  # Width / height.
MIN_COVERED = 0.1  # Of the object's area; the object is the whole image.
_ATTEMPTS = 100  # Then the whole image.


def random_crops(
    image, crop_seeds, flips, *, size, area=(0.08, 1.0), flip_prob=0.5
):
    """Views of an image: crop, resize, flip.

    Resizing is bicubic without antialiasing, as published, and then rounded
    and clipped to uint8 (the reference keeps floats that may overshoot).

    Args:
        image: uint8 [h, w, 3].
        crop_seeds: int32 [v, 2], a seed for each of v views.
        flips: float32 [v] in [0, 1); below flip_prob the view is mirrored.
        size: s, side of a view in pixels.
        area: Smallest and largest share of the image's area.
        flip_prob: Share of the views that are mirrored, left to right.

    Returns:
        uint8 [v, s, s, 3].

    Raises:
        InputError: a size below 1, or areas not 0 < smallest <= largest <= 1.
    """
    if size < 1:
        raise InputError(f"size={size} must be at least 1 pixel.")
    if not 0 < area[0] <= area[1] <= 1:
        raise InputError(f"area={area} must be 0 < smallest <= largest <= 1.")
    views = []
    for view in range(crop_seeds.shape[0]):
        begin, extent = crop_box(tf.shape(image), crop_seeds[view], area)
        crop = tf.slice(image, begin, extent)
        crop = tf.image.resize(crop, [size, size], method="bicubic")
        crop = tf.where(flips[view] < flip_prob, crop[:, ::-1], crop)
        views.append(tf.saturate_cast(tf.round(crop), tf.uint8))
    # The slice's extent is a tensor: what is known of the channels is lost.
    return tf.ensure_shape(
        tf.stack(views), [len(views), size, size, image.shape[-1]]
    )


def crop_box(shape, seed, area=(0.08, 1.0)):
    """Where a random crop lies.

    Args:
        shape: int32 [3], the image's height, width and channels.
        seed: int32 [2].
        area: Smallest and largest share of the image's area.

    Returns:
        begin, extent: int32 [3] each, for tf.slice.
    """
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed=seed,
        min_object_covered=MIN_COVERED,
        aspect_ratio_range=ASPECT,
        area_range=area,
        max_attempts=_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    # The op says -1 for "all channels", which tf.slice understands.
    return begin, extent
