"""What a command's signature says: its arguments, their checks, its words.

    @command
    def check(data: arguments.Images, *, labels: arguments.Labels = ""):
        \"\"\"Reads every image and lists those that cannot be read.\"\"\"

On the command line a parameter without a default is a word in its place, any
other a flag of its name. arguments.py has the types, checked.py the checks.
"""

import dataclasses
import functools
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable

from simclr.commands import arguments as kinds
from simclr.commands import joined
from simclr.commands.checked import checked
from simclr.commands.session import session
from simclr.config import Config
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

_REQUIRED = inspect.Parameter.empty
_KINDS = (str, int, float, bool, Callable)
_SETTINGS = tuple(field.name for field in dataclasses.fields(Config))


@dataclasses.dataclass(frozen=True)
class Argument:
    """One argument of a command.

    Attributes:
        name: str.
        kind: str, int, float, bool, tuple (of str) or Callable (one, or
            several); None for Python's own.
        help: str.
        default: of the parameter.
        choices: tuple of str; empty: any value.
        least, most: the smallest and the largest value; None: any.
        path: bool, a local path whose `~` is expanded.
        repeatable: bool, a flag for each of a tuple's values.
        required: bool, it has no default.
        flag: bool, the command line has it.
        rest: bool, stands for all other keywords.
    """

    name: str
    kind: type | None
    help: str
    default: object = None
    choices: tuple = ()
    least: float | None = None
    most: float | None = None
    path: bool = False
    repeatable: bool = False
    required: bool = False
    flag: bool = True
    rest: bool = False

    def words(self, spelt=str):
        """The help text; `spelt` is how it spells an argument that it names."""
        return re.sub(r"`(\w+)`", lambda found: spelt(found[1]), self.help)

    def default_words(self):
        """The default, as the command line takes it; "" where it is nothing."""
        value = self.default
        if self.required or value in (None, "", ()):
            return ""
        return ",".join(value) if isinstance(value, tuple) else str(value)


def arguments_of(function):
    """The Arguments of a command's function, in order, a list."""
    function = inspect.unwrap(function)  # A command shows plain types.
    hints = typing.get_type_hints(function, include_extras=True)
    return [
        _argument(parameter, hints.get(name, parameter.annotation))
        for name, parameter in joined.signature(function).parameters.items()
    ]


def _argument(parameter, hint):
    base, notes = hint, ()
    if typing.get_origin(hint) is typing.Annotated:
        base, *notes = typing.get_args(hint)
    kind, choices = _kind(base)
    rest = parameter.kind is inspect.Parameter.VAR_KEYWORD
    return Argument(
        name=parameter.name,
        kind=kind,
        help=" ".join(n for n in notes if isinstance(n, str)),
        default=None if rest else parameter.default,
        choices=choices,
        least=_bound(notes, kinds.AtLeast),
        most=_bound(notes, kinds.AtMost),
        path=kinds.PATH in notes,
        repeatable=kinds.REPEATABLE in notes,
        required=not rest and parameter.default is _REQUIRED,
        flag=not rest and kinds.PYTHON_ONLY not in notes,
        rest=rest,
    )


def _bound(notes, kind):
    return next((n.value for n in notes if isinstance(n, kind)), None)


def _kind(hint):
    """(type, choices) of a hint: the first of a union counts."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Literal:
        return str, typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return tuple, ()
    return (hint if hint in _KINDS else None), ()


def command(function):
    """A command: its arguments are checked, its docstring tells them all.

    The process is as before when it returns (session.py).
    """
    arguments = {a.name: a for a in arguments_of(function)}
    signature = joined.signature(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        bound = _bind(function.__name__, signature, arguments, args, kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            argument = arguments[name]
            bound.arguments[name] = (
                _settings(value, arguments)
                if argument.rest
                else checked(argument, value)
            )
        joined.joined(bound.arguments)
        with session(quiet=bound.arguments.get("quiet", False)):
            return function(*bound.args, **bound.kwargs)

    call.__doc__ = docstring(function, arguments.values())
    # For people: types alone, without the words that the docstring has.
    plain = typing.get_type_hints(function)
    call.__signature__ = signature.replace(
        parameters=[
            parameter.replace(
                annotation=plain.get(name) or _without_words(parameter)
            )
            for name, parameter in signature.parameters.items()
        ]
    )
    call.__annotations__ = {
        name: parameter.annotation
        for name, parameter in call.__signature__.parameters.items()
    } | {name: plain[name] for name in plain.keys() & {"return"}}
    return call


def _without_words(parameter):
    return typing.get_args(parameter.annotation)[0]


def _bind(name, signature, arguments, args, kwargs):
    """A call's arguments by their names.

    Raises:
        InputError: one that there is not, that is missing, or that is there
            twice.
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        unknown = [key for key in kwargs if key not in arguments]
        if unknown and not any(a.rest for a in arguments.values()):
            raise _no_argument(unknown[0], arguments) from None
        raise InputError(f"simclr.{name}: {error}.") from None


def _no_argument(name, arguments):
    """The error of a keyword that is no argument."""
    settings = any(a.rest for a in arguments.values())
    known = [*arguments, *(_SETTINGS if settings else ())]
    hint = did_you_mean(name, known)
    if not settings and "set" in arguments and name in _SETTINGS:
        hint = f" It is a value of the recipe: set={{{name!r}: ...}}."
    return InputError(f"There is no argument {name!r}.{hint}")


def _settings(values, arguments):
    """Keywords that are a recipe's settings; refuses any other."""
    for name in values:
        if name not in _SETTINGS:
            raise _no_argument(name, arguments)
    return values


def docstring(function, arguments):
    """A function's docstring with its arguments before what it returns."""
    text = inspect.cleandoc(function.__doc__)
    head, found, tail = text.partition("\n\nReturns:")
    lines = [head, "", "Args:"]
    for argument in arguments:
        name = f"**{argument.name}" if argument.rest else argument.name
        line = f"{name}: {argument.words()}"
        if argument.choices:
            line += f" One of {', '.join(map(repr, argument.choices))}."
        lines.append(
            textwrap.fill(
                line, 76, initial_indent="    ", subsequent_indent=" " * 8
            )
        )
    return "\n".join(lines) + found + tail
