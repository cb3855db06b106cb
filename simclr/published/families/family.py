"""What a family is: how one library spells the weights of one of our nets."""

import collections.abc
import dataclasses
import re

TORCH = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclasses.dataclass(frozen=True)
class Piece:
    """A weight of ours, out of weights of a file.

    Attributes:
        names: tuple of published names.
        make: function of their arrays, in our layout, to ours; None: the one
            array as it is.
    """

    names: tuple
    make: collections.abc.Callable | None = None


@dataclasses.dataclass(frozen=True)
class Family:
    """One library's spelling of one backbone.

    Attributes:
        library: who spells so, in words.
        style: "torch" or "keras", of source.Source.names.
        recognise: function of {name: shape} to the fields of config.Model that
            the file tells, a dict; or to None where it is another net.
        pieces: function of our variables' paths, a list, to a dict of path ->
            Piece.
        left: dict of regular expression -> words for the names that it matches
            from the beginning on: what belongs to no encoder.
        note: what the file cannot tell and how it is said; "": nothing.
    """

    library: str
    style: str
    recognise: collections.abc.Callable
    pieces: collections.abc.Callable
    left: dict
    note: str = ""

    def left_out(self, name):
        """Words for a name that belongs to no encoder; None for a weight's."""
        for pattern, words in self.left.items():
            if re.match(pattern, name):
                return words
        return None


def by_layer(rename, variables=TORCH, joint="."):
    """`pieces` where each of our layers is one of theirs.

    Args:
        rename: function of our layer's name to theirs.
        variables: dict of our variable's name -> theirs.
        joint: between a layer's name and a variable's.
    """

    def pieces(paths):
        found = {}
        for path in paths:
            layer, _, variable = path.rpartition("/")
            theirs = variables.get(variable, variable)
            found[path] = Piece((f"{rename(layer)}{joint}{theirs}",))
        return found

    return pieces
