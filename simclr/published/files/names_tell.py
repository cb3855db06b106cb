"""Weights by name alone, from a file that does not say which library's."""

from simclr.messages.errors import InputError
from simclr.published.files import state_dict
from simclr.published.files.source import Source

_TORCH = (".weight", ".running_mean", ".running_var")


def source(kind, path, shapes, read):
    """A Source of PyTorch's names or of Keras's.

    Args:
        kind: what the file is, in words.
        path: of the file.
        shapes: dict of name -> shape, in the file's own layout.
        read: function of a name, its array.

    Raises:
        InputError: the names are of neither.
    """
    if any(name.endswith(_TORCH) for name in shapes):
        return state_dict.source(kind, shapes, read)
    if shapes and all("/" in name for name in shapes):
        return Source(
            kind=kind,
            shapes={name: tuple(shape) for name, shape in shapes.items()},
            names={"keras": {name: name for name in shapes}},
            read=read,
        )
    some = ", ".join(sorted(shapes)[:3]) or "nothing"
    raise InputError(
        f"{path} holds {some}: names neither of PyTorch (conv1.weight) nor of "
        "Keras (conv1/kernel)."
    )
