"""A SavedModel's folder as a Net. Its graph is run; Python is not."""

import numpy as np
import tensorflow as tf

from simclr.frozen.net import NHWC, Net, sizes
from simclr.messages.errors import InputError, first_line

_SIGNATURES = ("serving_default", "default")  # TF2's; TF1's hub modules'.


def open_saved_model(path):
    """Reads a SavedModel.

    Args:
        path: of the folder.

    Returns:
        Net.

    Raises:
        InputError: it is damaged, or has no function of one batch of images.
    """
    try:
        module = tf.saved_model.load(path)
    except Exception as error:
        reason = first_line(error)
        raise InputError(f"{path} cannot be read: {reason}") from error
    function, argument, spec = _function(path, module)
    dtype = spec.dtype
    if not (dtype.is_floating or dtype == tf.uint8) or spec.shape.rank is None:
        raise InputError(
            f"{path} takes {dtype.name} {spec.shape}, not images [n, h, w, 3]."
        )

    def run(images, module=module):  # The module holds the variables.
        """The outputs by their names."""
        images = tf.constant(images)
        found = function(**{argument: images}) if argument else function(images)
        if not isinstance(found, dict):
            flat = tf.nest.flatten(found)
            found = {f"output_{i}": x for i, x in enumerate(flat)}
        return {name: np.asarray(x) for name, x in found.items()}

    return Net(
        run=run,
        shape=sizes(spec.shape),
        dtype=np.dtype(dtype.as_numpy_dtype),
        layout=NHWC,
    )


def _function(path, module):
    """(function, name of its argument or "", TensorSpec of that)."""
    signatures = module.signatures
    names = [n for n in _SIGNATURES if n in signatures] or list(signatures)
    if names:
        function = signatures[names[0]]
        arguments = function.structured_input_signature[1]
        if len(arguments) != 1:
            raise InputError(
                f"{path} takes {', '.join(arguments)}; an encoder takes one "
                "batch of images."
            )
        [(name, spec)] = arguments.items()
        return function, name, spec
    functions = ()
    if callable(module):
        functions = getattr(module.__call__, "concrete_functions", ())
    for function in functions:
        given = tf.nest.flatten(function.structured_input_signature)
        specs = [x for x in given if isinstance(x, tf.TensorSpec)]
        # The others say whether it is for training.
        if len(specs) == 1 and not any(x is True for x in given):
            return function, "", specs[0]
    raise InputError(
        f"{path} has no function of one batch of images: no serving_default, "
        "and it is not callable."
    )
