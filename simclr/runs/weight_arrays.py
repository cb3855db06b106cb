"""The arrays that a run keeps of its weights, or starts from.

No TensorFlow here, but where the weights are published ones: to tell which net
they are of, that net is built.
"""

import os

from simclr.messages.errors import InputError
from simclr.published import start
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.storage import missing

# Roles whose last axis is that of the classes, [f, k] and [k].
_LINEAR = ("probe/", "classifier/")


def read(path):
    """A run's newest checkpoint, or a checkpoint.

    Returns:
        (step, dict of "role/variable path" -> array).

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        found = checkpoint.read_newest(run_folder.checkpoints(path))
        if found is None:
            raise InputError(f"{path} has no checkpoint yet.")
        return found
    if not os.path.exists(path):
        raise InputError(missing.message(path))
    return checkpoint.read(path)


def read_weights(path, class_names=None, *, model=None):
    """The weights that a run starts from.

    Args:
        path: as in `read`; a checkpoint may lie in no run. Or published
            weights, a file or "imagenet" (published/start.py).
        class_names: list of str, the classes of the run that begins.
        model: config.Model of the run that begins, for "imagenet" alone.

    Returns:
        dict of "role/variable path" -> array; the optimizer is left out, and
        the linear layers, too, of a run that knows other classes. Those of
        one that has them in another order are in the order of these.

    Raises:
        InputError: there is no checkpoint at `path`, or it is damaged.
    """
    if start.is_published(path):
        fit, source = start.find(path, model)
        return fit.read(source)
    try:
        _, arrays = read(path)
    except InputError as error:
        raise InputError(f"--init: {error}") from error
    left_out = ("optimizer/", "row/")
    run = run_of(path)
    if class_names and run_folder.read_json(run, "run.json") is not None:
        theirs = run_folder.read_facts(run).get("classes")
        if theirs and set(theirs) == set(class_names):
            arrays = reordered(arrays, theirs, class_names)
        elif theirs:
            left_out += _LINEAR
    return {
        name: array
        for name, array in arrays.items()
        if not name.startswith(left_out)
    }


def reordered(arrays, names, order):
    """The arrays with the classes of the linear layers in another order.

    Args:
        arrays: dict of "role/variable path" -> array.
        names: list of str, the classes as the arrays have them.
        order: list of str, the same classes.
    """
    places = [names.index(name) for name in order]
    return {
        key: array[..., places] if key.startswith(_LINEAR) else array
        for key, array in arrays.items()
    }


def run_of(path):
    """The run folder that a path is, or that a checkpoint lies in."""
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        return path
    return os.path.dirname(os.path.dirname(os.path.abspath(path)))
