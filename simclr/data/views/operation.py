"""What an operation is: its settings, and the random numbers that it needs.

Imports no TensorFlow, for configs are read without it.
"""

import dataclasses
import importlib
import math

from simclr.messages.errors import InputError

UNIFORM = "uniform"  # Of an image: float32 [] in [0, 1).
SEED = "seed"  # Of an image: int32 [2].
SHARED = "shared"  # One for a step and view: float32 [] in [0, 1).
ORDER = "order"  # One for a step and view: int32 [4], a permutation.


def is_finite(number):
    """Whether an int or a float is no NaN and not beyond what floats hold."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


@dataclasses.dataclass(frozen=True)
class Draw:
    """A random number that an operation needs.

    Attributes:
        key: the constant in simclr/data/random_keys.py that it is drawn by;
            None: its name and the operation's stand for one.
        kind: UNIFORM, SEED, SHARED or ORDER.
    """

    key: int | None = None
    kind: str = UNIFORM


@dataclasses.dataclass(frozen=True)
class Strength:
    """What a setting of an operation may be.

    Attributes:
        default: a number, whole or not; a pair of numbers, the smaller first;
            or a word.
        low, high: what a number may be, both included.
        choices: what a word may be.
    """

    default: object
    low: float = 0.0
    high: float = math.inf
    choices: tuple = ()

    def checked(self, key, value):
        """`value` as the default's type.

        Args:
            key: str, what a message calls it.

        Raises:
            InputError: a value of another type or out of range.
        """
        if self.choices:
            if value not in self.choices:
                raise InputError(
                    f"{key} is {value!r}; choose one of "
                    f"{', '.join(self.choices)}."
                )
            return value
        pair = isinstance(self.default, tuple)
        numbers = value if isinstance(value, list | tuple) else (value,)
        # NumPy's as Python's own.
        numbers = [x.item() if hasattr(x, "item") else x for x in numbers]
        whole = isinstance(self.default, int)
        kinds = (int,) if whole else (int, float)
        if len(numbers) != 1 + pair or not all(
            type(x) in kinds and is_finite(x) for x in numbers
        ):
            kind = "2 numbers" if pair else "a number"
            kind = "a whole number" if whole else kind
            raise InputError(f"{key} takes {kind}, got {value!r}.")
        if not all(self.low <= x <= self.high for x in numbers):
            span = f"lie in [{self.low:g}, {self.high:g}]"
            if math.isinf(self.high):
                span = f"be at least {self.low:g}"
            raise InputError(f"{key} is {value!r}; it must {span}.")
        if pair and numbers[0] > numbers[1]:
            raise InputError(f"{key} is {value!r}: the smaller comes first.")
        numbers = tuple(numbers if whole else map(float, numbers))
        return numbers if pair else numbers[0]


@dataclasses.dataclass(frozen=True)
class Operation:
    """One row of the table (table.py).

    What it does is a function of its name, in the file of its name in
    simclr/data/views/operations/:

        function(planes, draws, **strengths) -> planes

        planes: float [n, 3, s, s] in [0, 1], of static shape; and so are those
            that it returns.
        draws: dict of `draws`' names -> tensor [n, ...].

    It works on a batch within a compiled step, and image by image (n = 1) in
    the input pipeline: TensorFlow that XLA compiles, without random numbers of
    its own, each image by itself.

    Attributes:
        strengths: dict of name -> Strength, its keyword-only arguments.
        prob: each image's chance of it where a list does not say; None: it has
            no chance, every image gets it.
        key: the constant that the chance is drawn by; None: its name is it.
        draws: dict of name -> Draw.
        compiled: whether XLA compiles it. One that it does not (NumPy's, by
            tf.numpy_function) runs on the host alone.
    """

    strengths: dict = dataclasses.field(default_factory=dict)
    prob: float | None = 1.0
    key: int | None = None
    draws: dict = dataclasses.field(default_factory=dict)
    compiled: bool = True

    @property
    def settings(self):
        """dict of name -> Strength, the chance first."""
        if self.prob is None:
            return self.strengths
        return {"prob": Strength(self.prob, 0, 1), **self.strengths}


def function(name):
    """What an operation of the table does; imports TensorFlow."""
    module = importlib.import_module(f"simclr.data.views.operations.{name}")
    return getattr(module, name)
