"""The views of a batch out of stored images, inside the compiled step.

What host.py does elsewhere: boxes, crops and flips; and the numbers of what
comes after. The host says no more than which images, and which step.

Shapes: n = images of a replica, N = of the global batch, S = side of the stored
images, s = of a view.
"""

import tensorflow as tf

from simclr.data.views import device_crop, view_draws

_STORED = ("images", "extents", "step")


def with_views(batch, *, first_row, seed, batch_size, size, views, count):
    """A batch of stored images as one of views.

    All that is random is a function of (seed, step, row, view). What is not of
    a box is as the host's batches have it (data/batches.py).

    Args:
        batch: dict of "images" uint8 [n, S, S, 3], each in the upper left
            corner, "extents" int32 [n, 2], height and width of each, "step"
            int64 scalar, and what else there is.
        first_row: int32 scalar, where these rows begin in the global batch.
        seed: int.
        batch_size: N.
        size: s, pixels.
        views: 2 op.View.
        count: 2 views of an image, or 1.

    Returns:
        dict of what else there is, "view1" and, of two, "view2", uint8
        [n, s, s, 3], and their "draws" (view_draws.draw), [n, count, ...].
    """
    images, extents, step = (batch[name] for name in _STORED)
    numbers = {"seed": seed, "batch_size": batch_size}
    draws = view_draws.draw(step, views=views, **numbers)
    draws["box"] = device_crop.draw(step, **numbers)
    draws = {  # These rows of the global batch's.
        name: tf.slice(
            x,
            [first_row, *[0] * (len(x.shape) - 1)],
            [images.shape[0], count, *x.shape[2:]],
        )
        for name, x in draws.items()
    }
    cut = device_crop.random_crops(
        images,
        extents,
        draws.pop("box"),
        draws["flip"],
        size=size,
        views=views[:count],
    )
    return {
        **{name: x for name, x in batch.items() if name not in _STORED},
        **{f"view{i + 1}": view for i, view in enumerate(cut)},
        "draws": draws,
    }
