"""A view as an ordered list of operations, in Python and in text.

In text it is a row of names, each with the settings that differ from the
table's: "crop(area=(0.2, 1)), flip, cutout(prob=0.5)".
"""

import ast
import collections
import dataclasses

from simclr.data.views import table
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean


class Op:
    """An operation with its settings; it does not change.

    Args:
        name: one of table.OPERATIONS.
        **settings: "prob", each image's chance of it, and the operation's
            strengths; what is not said is as in the table.

    Raises:
        InputError: no such operation or setting, or a bad value.
    """

    def __init__(self, name, **settings):
        known = table.get(name).settings
        for key in settings:
            if key not in known:
                takes = ", ".join(known) or "nothing"
                raise InputError(
                    f"{name} has no setting {key!r}; it takes {takes}."
                    f"{did_you_mean(key, known)}"
                )
        self.name = name
        self._settings = tuple(
            (key, rule.checked(f"{name}'s {key}", settings[key]))
            if key in settings
            else (key, rule.default)
            for key, rule in known.items()
        )

    @property
    def settings(self):
        """dict of every setting, "prob" first."""
        return dict(self._settings)

    @property
    def strengths(self):
        """dict of the settings without "prob"."""
        return {k: v for k, v in self._settings if k != "prob"}

    @property
    def prob(self):
        """Each image's chance of it."""
        return self.settings.get("prob", 1.0)

    def __eq__(self, other):
        return isinstance(other, Op) and (self.name, self._settings) == (
            other.name,
            other._settings,
        )

    def __hash__(self):
        return hash((self.name, self._settings))

    def __repr__(self):
        settings = ", ".join(f"{k}={v!r}" for k, v in self._settings)
        return f"{self.name}({settings})" if settings else self.name


class Ops(tuple):
    """The operations of a view, in their order.

    Args:
        operations: text; or an iterable of Op and of text.

    Raises:
        InputError: an operation that there is not, or `crop` behind another.
    """

    def __new__(cls, operations=()):
        if isinstance(operations, str):
            found = _parse(operations)
        else:
            found = [
                op
                for part in operations
                for op in ([part] if isinstance(part, Op) else _parse(part))
            ]
        names = [op.name for op in found]
        if "crop" in names[1:]:
            raise InputError(
                "crop must be the first operation of a view, and once: what "
                "comes after it has one size."
            )
        return super().__new__(cls, found)


@dataclasses.dataclass(frozen=True)
class View:
    """What makes a view, in the order of the work.

    Attributes:
        area: (smallest, largest) share of the image's area that a random crop
            covers; None: the whole image is seen as evaluation sees it.
        flip_prob: chance of being mirrored with the crop.
        steps: tuple of (Op, which of its name it is in the list, from 1), all
            that comes after.
    """

    area: tuple | None
    flip_prob: float
    steps: tuple

    @classmethod
    def of(cls, operations):
        """The View of an iterable of Op."""
        seen, steps = collections.Counter(), []
        for op in operations:
            seen[op.name] += 1
            steps.append((op, seen[op.name]))
        area, flip_prob = None, 0.0
        if steps and steps[0][0].name == "crop":
            area = steps.pop(0)[0].strengths["area"]
        if steps and steps[0][0].name == "flip":
            flip_prob = steps.pop(0)[0].prob
        return cls(area, flip_prob, tuple(steps))


def _parse(text):
    """list of Op of their text."""
    if not isinstance(text, str):
        raise InputError(f"{text!r} is no operation.")
    try:
        tree = ast.parse(f"({text.strip().rstrip(',')},)", mode="eval").body
        if len(tree.elts) == 1 and isinstance(tree.elts[0], ast.Tuple):
            tree = tree.elts[0]
        return [_op(node) for node in tree.elts]
    except (SyntaxError, ValueError, AttributeError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{text!r} is no list of operations; one is written like "
            "crop(area=(0.2, 1)), flip, cutout(prob=0.5)."
        ) from None


def _op(node):
    """Op of a name or a call with keywords; ValueError of anything else."""
    if isinstance(node, ast.Name):
        return Op(node.id)
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError(node)
    return Op(
        node.func.id,
        **{k.arg: ast.literal_eval(k.value) for k in node.keywords},
    )
