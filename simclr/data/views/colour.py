"""What happens to the pixels of a cropped view: jitter, gray, blur, solarise.

One implementation runs in two places. On an accelerator `colour` works on whole
batches inside the compiled step. On a CPU `colour_one_by_one` compiles a loop
over single images: an image stays in the cache, and what is not applied to it
is not computed.
"""

import functools

import tensorflow as tf

from simclr.data.views import blur as blur_lib
from simclr.data.views import jitter as jitter_lib

_GRAY = (0.2989, 0.587, 0.114)  # As tf.image.rgb_to_grayscale.


def colour(
    images,
    draws,
    *,
    brightness=0.8,
    contrast=0.8,
    saturation=0.8,
    hue=0.2,
    brightness_rule="multiply",
    jitter_prob=0.8,
    gray_prob=0.2,
    blur_prob=0.0,
    blur_sigma=(0.1, 2.0),
    solarize_prob=0.0,
):
    """Colours one view of a batch, in the published order.

    The defaults are SimCLR's at strength 1; its rule for strength s is
    brightness, contrast and saturation 0.8 s and hue 0.2 s. Barlow Twins has
    0.4, 0.4, 0.2 and 0.1, blur_prob 1 and 0.1, solarize_prob 0 and 0.2.

    Args:
        images: uint8, or float in [0, 1], [n, h, w, 3] of static shape.
        draws: view_draws.draw's dict for these rows and one view: [n] or, for
            "order", [n, 4].
        brightness, contrast, saturation, hue, brightness_rule: See
            jitter.jitter.
        jitter_prob, gray_prob, blur_prob, solarize_prob: Each image's chance
            of the operation; numbers or scalar tensors.
        blur_sigma: Range of the one sigma of this step and view, pixels.

    Returns:
        [n, h, w, 3] in [0, 1]: float32, or the type of float images.

    Raises:
        InputError: a negative strength or an unknown rule.
    """
    x = tf.transpose(images, [0, 3, 1, 2])  # [n, 3, h, w]
    if not x.dtype.is_floating:
        x = tf.cast(x, tf.float32) * (1.0 / 255.0)

    def some(name, prob, change, x):
        """`change` applied to the images whose draw is below `prob`."""
        if isinstance(prob, (int, float)) and prob <= 0:
            return x
        chosen = draws[name] < prob  # [n]
        if x.shape[0] == 1:
            return tf.cond(chosen[0], lambda: change(x), lambda: x)
        return tf.where(chosen[:, None, None, None], change(x), x)

    def jitter(x):
        return jitter_lib.jitter(
            x,
            draws,
            brightness=brightness,
            contrast=contrast,
            saturation=saturation,
            hue=hue,
            brightness_rule=brightness_rule,
        )

    def blur(x):
        low, high = blur_sigma
        sigma = low + tf.cast(draws["sigma"][0], x.dtype) * (high - low)
        return blur_lib.gaussian_blur(x, sigma, kernel_size=x.shape[2] // 10)

    x = some("jitter", jitter_prob, jitter, x)
    x = some("gray", gray_prob, _gray, x)
    x = some("blur", blur_prob, blur, x)
    x = some("solarize", solarize_prob, _solarize, x)
    return tf.transpose(x, [0, 2, 3, 1])


def colour_one_by_one(images, draws, **operations):
    """`colour`, image after image, in a loop compiled by XLA: for a CPU.

    Takes and returns what `colour` does and equals it to float32 rounding. The
    first call for a shape compiles for seconds; later ones in the same process
    do not, in tf.data and out of it.
    """
    return _compiled(**operations)(images, draws)


@functools.cache
def _compiled(**operations):
    @tf.function(jit_compile=True, autograph=False)
    def each(images, draws):
        dtype = images.dtype if images.dtype.is_floating else tf.float32
        return tf.map_fn(
            lambda row: colour(
                row[0][None],
                {name: x[None] for name, x in row[1].items()},
                **operations,
            )[0],
            (images, draws),
            fn_output_signature=dtype,
        )

    return each


def colour_views(views, draws, augment, *, one_by_one=False):
    """Colours the views of a batch.

    Args:
        views: list of v views: uint8, or float in [0, 1], [n, h, w, 3] of
            static shape.
        draws: view_draws.draw's dict for these rows, [n, v, ...].
        augment: config.Augment.
        one_by_one: Loop over the images, as is best on a CPU, instead of
            working on all at once, as is best inside a step on an accelerator.

    Returns:
        tuple of v views: [n, h, w, 3] in [0, 1], float32 or the type of float
        views.
    """
    # Where nothing is coloured, there is nothing to compile.
    one_by_one = one_by_one and _colours(augment)
    function = colour_one_by_one if one_by_one else colour
    return tuple(
        function(
            images,
            {name: x[:, view] for name, x in draws.items()},
            blur_prob=augment.blur_probs[view],
            solarize_prob=augment.solarize_probs[view],
            **_shared(augment),
        )
        for view, images in enumerate(views)
    )


def _colours(augment):
    """Whether any operation has a chance above 0."""
    chances = (augment.jitter_prob, augment.gray_prob)
    return max(*chances, *augment.blur_probs, *augment.solarize_probs) > 0


def _shared(augment):
    """What both views have in common, as keywords of `colour`."""
    strength = augment.color_strength
    return {
        "brightness": strength * augment.brightness,
        "contrast": strength * augment.contrast,
        "saturation": strength * augment.saturation,
        "hue": strength * augment.hue,
        "brightness_rule": augment.brightness_rule,
        "jitter_prob": augment.jitter_prob,
        "gray_prob": augment.gray_prob,
    }


def _gray(planes):
    red, green, blue = planes[:, 0:1], planes[:, 1:2], planes[:, 2:3]
    gray = _GRAY[0] * red + _GRAY[1] * green + _GRAY[2] * blue
    return tf.tile(gray, [1, 3, 1, 1])


def _solarize(planes):
    """Inverts 128 to 255: what rounds to those, that is, 0.5 and more."""
    return tf.where(planes >= 0.5, 1.0 - planes, planes)
