"""A file's weights under our names: of which net, and how they are read."""

import dataclasses

import numpy as np

from simclr.config import Model
from simclr.published import projection_layers

_SHOWN = 8  # Problems that an error lists.


@dataclasses.dataclass
class Fit:
    """A file's weights under our names.

    Attributes:
        net: what is known of the encoder: `words`, `features`, `image_size`.
        heads: ProjectionLayers.
        model: config.Model that builds encoder and head.
        paths: "encoder/...", "head/...", "probe/..." -> key of the file, or
            several where a weight of ours is made of several.
        num_classes: k of the linear head; 0 without one.
        notes: lines that the user should know.
        make: path -> function of the arrays at its keys, where the array there
            is not the weight as it is.
    """

    net: object
    heads: projection_layers.ProjectionLayers
    model: Model
    paths: dict
    num_classes: int
    notes: list
    make: dict = dataclasses.field(default_factory=dict)

    def read(self, source):
        """The weights, a dict of path -> float32 array.

        Args:
            source: the source.Source that was fitted.
        """
        found = {}
        for path, keys in self.paths.items():
            keys = (keys,) if isinstance(keys, str) else keys
            arrays = [np.asarray(source.read(k), np.float32) for k in keys]
            make = self.make.get(path)
            found[path] = make(*arrays) if make else arrays[0]
        return found


def problems(expected, shapes, names):
    """Lines on what is missing, extra or of another shape.

    Args:
        expected: our path -> shape.
        shapes: our path -> shape in the file.
        names: our path -> the published name, where it has one.
    """
    lines = []
    for path, shape in expected.items():
        if path not in shapes:
            theirs = f" ({names[path]})" if path in names else ""
            lines.append(f"{path}{theirs} is missing")
        elif tuple(shapes[path]) != tuple(shape):
            lines.append(
                f"{names[path]} has shape {tuple(shapes[path])}, not {shape}"
            )
    lines += [f"{names[p]} is extra" for p in shapes if p not in expected]
    return lines


def refusal(words, lines):
    """One line of the first problems of a file that is nearest to a net."""
    more = len(lines) - _SHOWN
    return (
        f"It is nearest to a {words} and does not fit: "
        f"{'; '.join(lines[:_SHOWN])}"
        + (f"; and {more} more ({len(lines)} in all)." if more > 0 else ".")
    )
