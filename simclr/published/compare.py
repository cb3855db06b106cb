"""The imported encoder beside the SavedModel that was published with it."""

import numpy as np
import tensorflow as tf

from simclr.messages.errors import InputError, first_line

_IMAGES = 2
TOLERANCE = 1e-4  # Relative; float32 over some hundred layers.


def largest_difference(model, folder, image_size):
    """Runs both encoders on one batch of random images.

    Unlike the import itself, this runs the SavedModel's graph.

    Args:
        model: keras.Model from images to features, in inference mode.
        folder: of a SavedModel, callable as module(images, trainable=False) or
            with one signature, whose outputs hold "final_avg_pool".
        image_size: side of the images, pixels.

    Returns:
        The largest difference, relative to the largest feature.

    Raises:
        InputError: no SavedModel, or one without "final_avg_pool".
    """
    images = np.random.Generator(np.random.PCG64(0)).random(
        (_IMAGES, image_size, image_size, 3), np.float32
    )
    try:
        module = _load(folder)
    except (OSError, ValueError, tf.errors.OpError, RuntimeError) as error:
        reason = first_line(error)
        raise InputError(f"--check={folder}: {reason}") from None
    outputs = _call(module, tf.constant(images), folder)
    if "final_avg_pool" not in outputs:
        raise InputError(
            f"--check={folder}: it has no output final_avg_pool, only "
            f"{', '.join(sorted(outputs))}."
        )
    theirs = outputs["final_avg_pool"].numpy()
    ours = model(images, training=False).numpy()
    if ours.shape != theirs.shape:
        raise InputError(
            f"--check={folder}: it gives features of shape {theirs.shape}, "
            f"the imported encoder {ours.shape}."
        )
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _load(folder):
    try:
        return tf.saved_model.load(folder)
    except ValueError:
        # TF1's hub modules hold two graphs; the one without tags infers.
        return tf.saved_model.load(folder, tags=[])


def _call(module, images, folder):
    if callable(module):
        return module(images, trainable=False)
    for name in ("default", "serving_default"):  # TF1's hub modules; TF2's.
        if name in module.signatures:
            signature = module.signatures[name]
            [argument] = signature.structured_input_signature[1]
            return signature(**{argument: images})
    raise InputError(f"--check={folder}: it is not callable.")
