"""What every reader of published weights returns."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass
class Source:
    """A file of weights, listed and not yet read.

    Keys are the file's own names. Shapes and what `read` returns are in our
    layout: kernels are (h, w, in, out) and (in, out).

    Attributes:
        kind: what it is, in words.
        shapes: key -> shape of every tensor that may be a weight.
        names: style (of names.STYLES, or "keras") -> {key: name}: the spellings
            of a key.
        read: function of a key, its array.
        left: what was left out -> number of tensors.
        trained: keys that an optimizer kept slots for: those that a gradient
            reached. Empty where the file has none.
        notes: lines that the user should know.
        path: of the file; "" where it does not matter.
    """

    kind: str
    shapes: dict
    names: dict
    read: Callable
    left: dict = dataclasses.field(default_factory=dict)
    trained: frozenset = frozenset()
    notes: list = dataclasses.field(default_factory=list)
    path: str = ""
