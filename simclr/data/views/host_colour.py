"""SimCLR's colours on a host, by NumPy and OpenCV: an image at a time.

The same operations, numbers and order as colour.py's, which TensorFlow compiles
for any device; equal to 2e-5. Here an image stays in the cache, and what is not
applied to it costs nothing. Views with an operation that has no form here are
coloured by colour_one_by_one.

A form takes an image's draws and the operation's strengths, and gives a list of
changes. A change(x, out) is of two float32 arrays [s, s, 3]: it writes to out
what x, in [0, 1], is changed to. What it leaves in x does not matter.
"""

import itertools

import cv2
import numpy as np

from simclr.data.views import table
from simclr.data.views.host import PART, SEVERAL_THREADS, each_part
from simclr.data.views.view_draws import draw_name

_GRAY = np.tile(np.float32([0.2989, 0.587, 0.114]), [3, 1])
_MOST = 720.0, 1.0, 1.0, 0.0  # Of hue, saturation and value.
# A blur's taps this many deviations out weigh less than 1e-5 together.
_FAR = 4.5
# Jitter's operations by number, as `order` has them.
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = range(4)


def jitter(draws, *, brightness, contrast, saturation, hue, brightness_rule):
    """jitter.jitter's: four operations in the order of this step and view."""

    def between(name, low, high):
        return low + float(draws[name]) * (high - low)

    def factor(name, d):
        return between(name, max(0.0, 1.0 - d), 1.0 + d)

    adds = brightness_rule == "add"
    if adds:
        light = between("brightness", -brightness, brightness)
    else:
        light = factor("brightness", brightness)
    in_rgb = {
        _BRIGHTNESS: _brighter(light, adds),
        _CONTRAST: _contrasted(factor("contrast", contrast)),
    }
    # A factor below 1 is one of V as well: there is nothing to clip.
    dims = not adds and light <= 1
    in_hsv = {
        _SATURATION: ("saturation", factor("saturation", saturation)),
        _HUE: ("turn", between("hue", -hue, hue)),
        **({_BRIGHTNESS: ("value", light)} if dims else {}),
    }
    # Neighbours that can be done in HSV go there and back together.
    changes = []
    order = draws["order"].tolist()
    for together, names in itertools.groupby(order, in_hsv.__contains__):
        names = list(names)
        if together and names != [_BRIGHTNESS]:
            changes.append(_by_hsv(**dict(map(in_hsv.get, names))))
        else:
            changes.extend(map(in_rgb.get, names))
    return changes


def _brighter(light, adds):
    def change(x, out):
        if adds:
            np.add(x, np.float32(light), out=out)
            _clip(out)
        else:
            np.multiply(x, np.float32(light), out=out)
            if light > 1:
                _at_most_1(out)

    return change


def _contrasted(scale):
    def change(x, out):
        offsets = [(1 - scale) * mean for mean in cv2.mean(x)]
        cv2.transform(x, _scale([scale] * 3, offsets), dst=out)
        if scale > 1:  # Others only come nearer to the mean.
            _clip(out)

    return change


def _by_hsv(saturation=1.0, turn=0.0, value=1.0):
    # OpenCV knows no hue below 0, but beyond the full circle.
    matrix = _scale([1, saturation, value], [360 * (turn % 1), 0, 0])

    def change(x, out):
        cv2.cvtColor(x, cv2.COLOR_RGB2HSV, dst=out)
        cv2.transform(out, matrix, dst=x)
        if saturation > 1:
            cv2.min(x, _MOST, dst=x)
        cv2.cvtColor(x, cv2.COLOR_HSV2RGB, dst=out)

    return change


def gray(_):
    """gray.gray's."""
    return [lambda x, out: cv2.transform(x, _GRAY, dst=out)]


def blur(draws, *, sigma):
    """blur.blur's: zeros beyond the edge."""
    low, high = sigma
    sigma = low + float(draws["sigma"]) * (high - low)

    def change(x, out):
        radius = min(len(x) // 10 // 2, int(np.ceil(_FAR * sigma)))
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        kernel = np.float32(kernel / kernel.sum())
        zeros = cv2.BORDER_CONSTANT
        cv2.sepFilter2D(x, -1, kernel, kernel, dst=out, borderType=zeros)

    return [change]


def solarize(_, *, threshold):
    """solarize.solarize's."""

    def change(x, out):
        np.copyto(out, x)
        np.subtract(1, x, out=out, where=x >= np.float32(threshold))

    return [change]


FORMS = {"jitter": jitter, "gray": gray, "blur": blur, "solarize": solarize}


def has_all(steps):
    """Whether every operation of View.steps has a form here."""
    return all(op.name in FORMS for op, _ in steps if op.prob > 0)


def colour_on_host(images, draws, steps, rooms):
    """Applies operations to one view of a batch, in their order.

    Args:
        images: uint8 array [n, s, s, 3].
        draws: view_draws.draw's dict for these rows and one view, arrays
            [n, ...].
        steps: View.steps, all of which `has_all`.
        rooms: Rooms, one of whose arrays is the answer.

    Returns:
        float32 array [n, s, s, 3] in [0, 1].
    """
    out = rooms.take(images.shape, np.float32)
    applied = [
        (
            FORMS[op.name],
            op,
            draws[draw_name(op.name, op.name, copy)],
            {
                name: draws[draw_name(op.name, name, copy)]
                for name in table.get(op.name).draws
            },
        )
        for op, copy in steps
    ]

    def fill(start):
        scratch = np.empty(images.shape[1:], np.float32)  # Stays in the cache.
        for row in range(start, min(start + PART, len(images))):
            changes = []
            for form, op, chance, drawn in applied:
                if chance[row] < op.prob:
                    one = {name: values[row] for name, values in drawn.items()}
                    changes += form(one, **op.strengths)
            x, other = out[row], scratch
            if len(changes) % 2:  # So that the last one writes to `out`.
                x, other = other, x
            np.copyto(x, images[row])
            x *= np.float32(1 / 255)
            for change in changes:
                change(x, other)
                x, other = other, x

    each_part(fill, len(images), alone=images.shape[1] < SEVERAL_THREADS)
    return out


def _scale(scales, offsets):
    """The matrix for cv2.transform: a scale and an offset for each channel."""
    (a, b, c), (d, e, f, *_) = scales, offsets
    return np.array([[a, 0, 0, d], [0, b, 0, e], [0, 0, c, f]], np.float32)


def _clip(x):
    """Brings x into [0, 1], where it lies."""
    _at_most_1(x)
    cv2.threshold(x, 0.0, 0, cv2.THRESH_TOZERO, dst=x)


def _at_most_1(x):
    """Cuts x at 1, where it lies: by OpenCV in a sixth of NumPy's time."""
    cv2.threshold(x, 1.0, 0, cv2.THRESH_TRUNC, dst=x)
