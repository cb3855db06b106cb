"""Colour jitter: brightness, contrast, saturation and hue in random order.

Everything here works on planes, float [n, 3, h, w] in [0, 1]: with colour last,
loops of length three keep compilers from using vectors (about twice as slow on
a CPU). Arithmetic only, so that XLA compiles it for any device.
"""

import tensorflow as tf


def jitter(
    planes,
    draws,
    *,
    brightness,
    contrast,
    saturation,
    hue,
    brightness_rule,
):
    """Applies the four operations, clipping to [0, 1] after each.

    A strength d means a factor from U(max(0, 1 - d), 1 + d); for hue, and for
    brightness with the rule "add", a shift from U(-d, d).

    Args:
        planes: float [n, 3, h, w] in [0, 1].
        draws: dict of uniforms in [0, 1) "brightness", "contrast",
            "saturation", "hue" ([n]), and "order" (int32 [n, 4], a permutation
            of 0 to 3 in this order; the first row's is used for all, because
            one order per image takes about four times as long).
        brightness, contrast, saturation, hue: Strengths, at least 0.
        brightness_rule: "multiply" (SimCLRv2) or "add" (SimCLR v1).

    Returns:
        float [n, 3, h, w] in [0, 1].
    """
    strengths = {
        "brightness": brightness,
        "contrast": contrast,
        "saturation": saturation,
        "hue": hue,
    }

    def between(name, low, high):
        u = tf.cast(draws[name], planes.dtype)[:, None, None, None]
        return low + u * (high - low)

    def factor(name):
        d = strengths[name]
        return between(name, max(0.0, 1.0 - d), 1.0 + d)

    def shift(name):
        return between(name, -strengths[name], strengths[name])

    def brighten(x):
        if brightness_rule == "add":
            return x + shift("brightness")
        return x * factor("brightness")

    operations = [
        brighten,
        lambda x: adjust_contrast(x, factor("contrast")),
        lambda x: adjust_saturation(x, factor("saturation")),
        lambda x: adjust_hue(x, shift("hue")),
    ]

    def one(i, x):
        which = draws["order"][0, i]
        if x.shape[0] == 1:
            x = tf.switch_case(which, [lambda f=f: f(x) for f in operations])
        else:
            x = _selected(which, [f(x) for f in operations])
        return i + 1, tf.clip_by_value(x, 0.0, 1.0)

    # A loop, because XLA takes thrice as long to compile four in a row.
    return tf.while_loop(lambda i, x: i < 4, one, (0, planes))[1]


def _selected(which, results):
    """One of four tensors, all of which are computed.

    On a GPU a branch would have the host wait for the device, eight times a
    step, and what is not chosen costs little in the same kernel; on a CPU it is
    faster for batches, too. For an image alone, on the host, the branch is.
    """
    x = results[0]
    for i, other in enumerate(results[1:], start=1):
        x = tf.where(which == i, other, x)
    return x


def adjust_contrast(planes, factor):
    """Moves each channel from its mean by `factor`, as tf.image does."""
    mean = tf.reduce_mean(planes, axis=[2, 3], keepdims=True)
    return (planes - mean) * factor + mean


def adjust_saturation(planes, factor):
    """Multiplies the saturation in HSV, at most to 1, as tf.image does.

    In HSV a channel is V - VS t with t in [0, 1] from the hue alone, so a new
    S scales each channel's distance from V = max(R, G, B).
    """
    value, chroma = _value_and_chroma(planes)  # S = chroma / value.
    most = tf.math.divide_no_nan(value, chroma)  # Where gray, S is 0 anyway.
    return value - (value - planes) * tf.minimum(factor, most)


def adjust_hue(planes, shift):
    """Turns the hue in HSV by `shift` full circles, as tf.image does."""
    red, green, blue = planes[:, 0:1], planes[:, 1:2], planes[:, 2:3]
    value, chroma = _value_and_chroma(planes)
    sixths = tf.where(
        value <= red,
        green - blue,
        tf.where(
            value <= green,
            blue - red + 2.0 * chroma,
            red - green + 4.0 * chroma,
        ),
    )
    hue = tf.math.divide_no_nan(sixths, chroma) + 6.0 * shift
    hue -= 6.0 * tf.floor(hue / 6.0)  # [n, 1, h, w] in [0, 6), red at 0.

    def per_channel(*values):
        return tf.constant(values, planes.dtype)[:, None, None]

    # Back to RGB: 2 sixths up, 1 along, 2 down around each channel's own hue;
    # red's goes round the end, so its opposite, cyan at 3, is used instead.
    tent = per_channel(1, -1, -1) * tf.abs(hue - per_channel(3, 2, 4))
    tent = tf.clip_by_value(tent + per_channel(-1, 2, 2), 0.0, 1.0)
    return value - chroma * (1.0 - tent)


def _value_and_chroma(planes):
    """max(R, G, B) and max - min, [n, 1, h, w] each."""
    red, green, blue = planes[:, 0:1], planes[:, 1:2], planes[:, 2:3]
    value = tf.maximum(tf.maximum(red, green), blue)
    return value, value - tf.minimum(tf.minimum(red, green), blue)
