"""The values that a command is given, as it takes them, or one clear line."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping

from simclr.config import Config
from simclr.config import values as config_values
from simclr.data.views.operation import is_finite
from simclr.messages.errors import InputError
from simclr.messages.hints import shown

_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
}
# Of an integer that says no other bound: what NumPy's integers hold.
_MOST = 2**53


def checked(argument, value):
    """A value as a command takes it: paths expanded, lists as tuples.

    None stands for the default.

    Raises:
        InputError: it is of another type, or out of range.
    """
    if value is None and not argument.required:
        return argument.default
    if argument.kind is Callable:
        return _functions(argument.name, value)
    if argument.kind is None:
        return value
    if argument.path and isinstance(value, Config):
        return value
    if argument.kind is tuple:
        return _texts(argument, value)
    if argument.path:
        return _path(argument.name, value)
    value = config_values.plain(value)
    finite = not isinstance(value, int | float) or is_finite(value)
    if argument.kind is float and type(value) is int and finite:
        value = float(value)
    if type(value) is not argument.kind or not finite:
        raise InputError(
            f"{argument.name} takes {_WORDS[argument.kind]}, got "
            f"{shown(value)}."
        )
    if argument.choices and value not in argument.choices:
        raise InputError(
            f"{argument.name} is {value!r}; choose one of "
            f"{', '.join(argument.choices)}."
        )
    if argument.least is not None and not value >= argument.least:
        raise InputError(
            f"{argument.name} is {value}; it must be >= {argument.least:g}."
        )
    most = _MOST if argument.kind is int else None
    most = most if argument.most is None else argument.most
    if most is not None and not value <= most:
        words = f"{most}" if argument.kind is int else f"{most:g}"
        raise InputError(f"{argument.name} is {value}; it must be <= {words}.")
    return value


def _texts(argument, value):
    """A tuple of str from one, several, or a dict of settings."""
    if isinstance(value, Mapping):
        return overrides_of(value)
    if isinstance(value, str | os.PathLike):
        value = [value]
    if not isinstance(value, Iterable):
        raise InputError(f"{argument.name} takes texts, got {shown(value)}.")
    return tuple(
        _path(argument.name, one) if argument.path else str(one)
        for one in value
    )


def _functions(name, value):
    """A tuple of functions, from one or several."""
    functions = (value,) if callable(value) else value
    if not isinstance(functions, Iterable) or not all(
        map(callable, functions := tuple(functions))
    ):
        raise InputError(f"{name} takes functions, got {shown(value)}.")
    return functions


def _path(name, value):
    try:
        return os.path.expanduser(os.fspath(value))
    except TypeError:
        arrays = ""
        if name == "data" and hasattr(value, "__len__"):
            arrays = (
                " Arrays of images are for embed and predict of a run, "
                "simclr.load(RUN).embed(images)."
            )
        raise InputError(
            f"{name} takes a path, got {shown(value)}.{arrays}"
        ) from None


def overrides_of(values, prefix=""):
    """Settings as KEY=VALUE.

    Args:
        values: dict of a key, or a part, -> a value, or a part's dict.

    Returns:
        tuple of str.
    """
    found = ()
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += overrides_of(value, f"{prefix}{name}.")
        elif dataclasses.is_dataclass(value):
            found += overrides_of(dataclasses.asdict(value), f"{prefix}{name}.")
        else:
            found += (f"{prefix}{name}={config_values.text(value)}",)
    return found
