"""The arrays that a run keeps of its weights; no TensorFlow here."""

import os

from simclr.messages.errors import InputError
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder


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
        raise InputError(f"{path} does not exist.")
    return checkpoint.read(path)


def read_weights(path, class_names=None):
    """The weights that a run starts from.

    Args:
        path: run folder (its newest checkpoint), or a checkpoint.
        class_names: list of str, the classes of the run that begins.

    Returns:
        dict of "role/variable path" -> array; the optimizer is left out, and
        the linear layers, too, of a run that knows other classes.

    Raises:
        InputError: there is no checkpoint at `path`, or it is damaged.
    """
    try:
        _, arrays = read(path)
    except InputError as error:
        raise InputError(f"--init: {error}") from error
    left_out = ("optimizer/", "row/")
    if os.path.isdir(path) and class_names:
        theirs = run_folder.read_facts(path)["classes"]
        if theirs and theirs != class_names:
            left_out += ("probe/", "classifier/")
    return {
        name: array
        for name, array in arrays.items()
        if not name.startswith(left_out)
    }
