"""What happens to the pixels of a cropped view: jitter, gray, blur, ...

On an accelerator `colour` works on whole batches inside the compiled step. On a
host it is an image at a time, which stays in the cache, and what is not applied
to it is not computed: by NumPy and OpenCV where all operations of a view have a
form there (host_colour.py), which compiles nothing; otherwise by
`colour_one_by_one`, `colour` in a loop that XLA compiles.
"""

import functools
import weakref

import tensorflow as tf

from simclr.data.views import host_colour, operation, table
from simclr.data.views.view_draws import draw_name
from simclr.messages.errors import InputError


def colour(images, draws, steps):
    """Applies operations to one view of a batch, in their order.

    Args:
        images: uint8, or float in [0, 1], [n, s, s, 3] of static shape.
        draws: view_draws.draw's dict for these rows and one view, [n, ...].
        steps: View.steps, tuple of (Op, which of its name it is).

    Returns:
        [n, s, s, 3] in [0, 1]: float32, or the type of float images.
    """
    x = tf.transpose(images, [0, 3, 1, 2])  # [n, 3, s, s]
    if not x.dtype.is_floating:
        x = tf.cast(x, tf.float32) * (1.0 / 255.0)
    for op, copy in steps:
        if op.prob > 0:
            x = _some(op, copy, x, draws)
    return tf.transpose(x, [0, 2, 3, 1])


def _some(op, copy, x, draws):
    """An operation, done to the images whose draw is below its chance."""
    own = {
        name: draws[draw_name(op.name, name, copy)]
        for name in table.get(op.name).draws
    }

    def change(x):
        return operation.function(op.name)(x, own, **op.strengths)

    chosen = draws[draw_name(op.name, op.name, copy)] < op.prob  # [n]
    if x.shape[0] == 1:
        return tf.cond(chosen[0], lambda: change(x), lambda: x)
    return tf.where(chosen[:, None, None, None], change(x), x)


def colour_one_by_one(images, draws, steps):
    """`colour`, image after image, in a loop compiled by XLA: for a CPU.

    Takes and returns what `colour` does and equals it to float32 rounding. The
    first call for a shape compiles for seconds; later ones in the same process
    do not, in tf.data and out of it. Where XLA does not compile an operation,
    none is compiled.
    """
    return _looped(steps)(images, draws)


@functools.cache
def _looped(steps):
    compiled = all(table.get(op.name).compiled for op, _ in steps)

    @tf.function(jit_compile=compiled, autograph=False)
    def each(images, draws):
        dtype = images.dtype if images.dtype.is_floating else tf.float32
        return tf.map_fn(
            lambda row: colour(
                row[0][None],
                {name: x[None] for name, x in row[1].items()},
                steps,
            )[0],
            (images, draws),
            fn_output_signature=dtype,
        )

    return each


@tf.autograph.experimental.do_not_convert  # Nothing depends on a tensor.
def colour_views(views, draws, augment, *, rooms=None):
    """Applies to each view of a batch what comes after crop and flip.

    Args:
        views: list of v views: uint8, or float in [0, 1], [n, s, s, 3] of
            static shape.
        draws: view_draws.draw's dict for these rows, [n, v, ...].
        augment: config.Augment.
        rooms: Rooms of an input pipeline, which has to keep them: an image at
            a time, as is best on a host. None: all at once, as is best inside
            a step on an accelerator.

    Returns:
        tuple of v views: [n, s, s, 3] in [0, 1], float32 or the type of float
        views.
    """
    lists = [view.steps for view in augment.views]
    # Where nothing is coloured, there is nothing to compile.
    any_chance = any(op.prob > 0 for steps in lists for op, _ in steps)
    function = colour
    if rooms is not None and any_chance:
        ready = all(map(host_colour.has_all, lists)) and all(
            images.dtype == tf.uint8 for images in views
        )
        function = (
            functools.partial(_on_host, rooms=rooms)
            if ready
            else colour_one_by_one
        )
    return tuple(
        function(
            images, {name: x[:, view] for name, x in draws.items()}, lists[view]
        )
        for view, images in enumerate(views)
    )


def _on_host(images, draws, steps, *, rooms):
    """host_colour.colour_on_host of tensors: uint8 [n, s, s, 3]."""
    # Weakly, for TensorFlow keeps the function until the process ends.
    names, held = list(draws), weakref.ref(rooms)
    coloured = tf.numpy_function(
        lambda images, *draws: host_colour.colour_on_host(
            images, dict(zip(names, draws)), steps, held()
        ),
        [images, *draws.values()],
        tf.float32,
        stateful=False,
    )
    return tf.ensure_shape(coloured, images.shape)


def on_device(augment, accelerator):
    """Whether the device applies what comes after crop and flip.

    Args:
        augment: config.Augment.
        accelerator: whether the steps run on one.

    Raises:
        InputError: the device is to, and XLA does not compile an operation.
    """
    if augment.place == "auto":
        return accelerator and not _uncompiled(augment)
    if augment.place == "device":
        require_compiled(augment)
    return augment.place == "device"


def require_compiled(augment, instead="augment.place=host"):
    """Stops where a device cannot apply all operations.

    Args:
        augment: config.Augment.
        instead: str, the setting that keeps them on the host.

    Raises:
        InputError: XLA does not compile one.
    """
    for name in _uncompiled(augment):
        raise InputError(
            f"{name} has no form for a device, for XLA does not compile it: "
            f"say {instead}, or leave it out."
        )


def _uncompiled(augment):
    """Names of the operations that XLA does not compile."""
    return [
        op.name
        for view in augment.views
        for op, _ in view.steps
        if not table.get(op.name).compiled
    ]
