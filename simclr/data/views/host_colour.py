"""SimCLR's colours on a host, by NumPy and OpenCV: an image at a time.

The same operations, numbers and order as colour.py's, which TensorFlow compiles
for any device; equal to 2e-5. Here an image stays in the cache, is
changed where it lies, and what is not applied to it costs nothing. Views with
an operation that has no form here are coloured by colour_one_by_one.

An image x is float32 [s, s, 3] in [0, 1], and so is `spare`, whose values do
not matter. Each form returns one of the two, with what x is to be.
"""

import cv2
import numpy as np

from simclr.data.views import table
from simclr.data.views.host import PART, SEVERAL_THREADS, each_part
from simclr.data.views.view_draws import draw_name

_GRAY = np.tile(np.float32([0.2989, 0.587, 0.114]), [3, 1])
_EACH = np.eye(3, dtype=np.float32)
# A blur's taps this many deviations out weigh less than 1e-5 together.
_FAR = 4.5


def jitter(
    x, draws, *, spare, brightness, contrast, saturation, hue, brightness_rule
):
    """jitter.jitter's: four operations in the order of this step and view."""

    def between(name, low, high):
        return np.float32(low) + draws[name] * np.float32(high - low)

    def factor(name, d):
        return between(name, max(0.0, 1.0 - d), 1.0 + d)

    order = draws["order"].tolist()
    while order:
        name = order.pop(0)
        if name == 0 and brightness_rule == "add":
            np.add(x, between("brightness", -brightness, brightness), out=x)
            _clip(x)
        elif name == 0:
            scale = factor("brightness", brightness)
            np.multiply(x, scale, out=x)
            if scale > 1:
                _at_most_1(x)
        elif name == 1:
            scale = factor("contrast", contrast)
            offset = (1 - scale) * np.float32(cv2.mean(x)[:3])
            matrix = np.column_stack([scale * _EACH, offset])
            cv2.transform(x, matrix, dst=spare)
            x, spare = spare, x
            if scale > 1:  # Others only come nearer to the mean.
                _clip(x)
        else:
            hsv = spare
            cv2.cvtColor(x, cv2.COLOR_RGB2HSV, dst=hsv)
            # The other one, where it comes next, does not come back between.
            parts = [name]
            if order[:1] in ([2], [3]):
                parts.append(order.pop(0))
            for part in parts:
                if part == 2:
                    scale = factor("saturation", saturation)
                    plane = cv2.extractChannel(hsv, 1)
                    plane *= scale
                    if scale > 1:
                        _at_most_1(plane)
                    cv2.insertChannel(plane, hsv, 1)
                else:
                    # OpenCV knows no hue below 0, but beyond the full circle.
                    hsv[..., 0] += 360 * (between("hue", -hue, hue) % 1)
            cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=x)
    return x


def gray(x, _, *, spare):
    """gray.gray's."""
    cv2.transform(x, _GRAY, dst=spare)
    return spare


def blur(x, draws, *, spare, sigma):
    """blur.blur's: zeros beyond the edge."""
    low, high = sigma
    sigma = low + float(draws["sigma"]) * (high - low)
    radius = min(len(x) // 10 // 2, int(np.ceil(_FAR * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = np.float32(kernel / kernel.sum())
    zeros = cv2.BORDER_CONSTANT
    cv2.sepFilter2D(x, -1, kernel, kernel, dst=spare, borderType=zeros)
    return spare


def solarize(x, _, *, spare, threshold):
    """solarize.solarize's."""
    np.subtract(1, x, out=spare)
    np.copyto(x, spare, where=x >= np.float32(threshold))
    return x


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
        # Two images stay in the cache; each operation may go from x to spare.
        scratch = np.empty(images.shape[1:], np.float32)
        for row in range(start, min(start + PART, len(images))):
            own = out[row]
            x, spare = own, scratch
            np.copyto(x, images[row])
            x *= np.float32(1 / 255)
            for form, op, chance, drawn in applied:
                if chance[row] < op.prob:
                    one = {name: values[row] for name, values in drawn.items()}
                    if form(x, one, spare=spare, **op.strengths) is spare:
                        x, spare = spare, x
            if x is not own:
                np.copyto(own, x)

    each_part(fill, len(images), alone=images.shape[1] < SEVERAL_THREADS)
    return out


def _clip(x):
    """Brings x into [0, 1], where it lies."""
    _at_most_1(x)
    cv2.threshold(x, 0.0, 0, cv2.THRESH_TOZERO, dst=x)


def _at_most_1(x):
    """Cuts x at 1, where it lies: by OpenCV in a sixth of NumPy's time."""
    cv2.threshold(x, 1.0, 0, cv2.THRESH_TRUNC, dst=x)
