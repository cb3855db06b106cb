"""Values in and out of nested dataclasses: text, dicts, dotted keys."""

import ast
import dataclasses
import os
import types
import typing

from simclr.data.views.op import Ops
from simclr.data.views.operation import is_finite
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean, shown


class Typed:
    """A dataclass whose values have the types that its fields say.

    They are checked when it is made, wherever that is: a recipe, JSON, an
    override or Python. Ints pass for floats and lists for tuples, and become
    them.

    Args:
        prefix: what stands before the names of its fields in a dotted key.

    Raises:
        InputError: a value of another type.
    """

    def __init_subclass__(cls, *, prefix=""):
        cls._prefix = prefix

    def __post_init__(self):
        for name, kind in typing.get_type_hints(type(self)).items():
            value = _checked(self._prefix + name, getattr(self, name), kind)
            object.__setattr__(self, name, value)


def text(value):
    """A value as `replace` reads it."""
    value = plain(value)
    return value if isinstance(value, str) else repr(value)


def plain(value):
    """NumPy's numbers and paths as Python's own and text, in lists too."""
    if hasattr(type(value), "tolist"):  # No NumPy is needed for the others.
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value


def keys(kind, prefix=""):
    """All dotted keys of a config, in order of definition."""
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            yield from keys(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def replace(config, key, text):
    """A config with one value read from text.

    Args:
        config: a dataclass of values and of such dataclasses.
        key: dotted, "train.log_steps".
        text: str, the value as on a command line.

    Raises:
        InputError: no such key, or a value of another type.
    """
    if key not in keys(type(config)):
        hint = did_you_mean(key, keys(type(config)), cutoff=0.4)
        raise InputError(f"There is no setting {key!r}.{hint}")
    return _set(config, key.split("."), key, text)


def _set(node, names, key, text):
    name, *rest = names
    kind = typing.get_type_hints(type(node))[name]
    value = (
        _set(getattr(node, name), rest, key, text)
        if rest
        else _parse(text, kind)
    )
    return dataclasses.replace(node, **{name: value})


def _parse(text, kind):
    if kind is str:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text  # What literal_eval may raise, all of it.


def _checked(key, value, kind):
    """`value` as `kind`; ints pass for floats and lists for tuples."""
    value = plain(value)
    if typing.get_origin(kind) is types.UnionType:
        kind, _ = typing.get_args(kind)  # "kind | None"
        if value is None:
            return None
    if typing.get_origin(kind) is tuple:
        kinds = typing.get_args(kind)
        if kinds[-1] is Ellipsis:  # Any number of them; one needs no brackets.
            value = value if isinstance(value, list | tuple) else [value]
            kinds = kinds[:1] * len(value)
        if isinstance(value, list | tuple) and len(value) == len(kinds):
            return tuple(_checked(key, v, k) for v, k in zip(value, kinds))
        raise InputError(
            f"{key} takes {len(kinds)} numbers, got {shown(value)}."
        )
    if issubclass(kind, Ops):
        if not isinstance(value, str | list | tuple):
            raise InputError(f"{key} takes operations, got {shown(value)}.")
        try:
            return Ops(value)
        except InputError as error:
            raise InputError(f"{key}: {error}") from None
    if kind is float and type(value) is int and is_finite(value):
        value = float(value)
    if type(value) is not kind or (kind is float and not is_finite(value)):
        raise InputError(f"{key} takes {_word(kind)}, got {shown(value)}.")
    return value


def _word(kind):
    words = {
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        str: "text",
    }
    return words.get(kind, f"a {kind.__name__}")


def from_dict(kind, values, prefix=""):
    """The dataclass `kind` of a dict of dicts.

    Raises:
        InputError: a key that it does not have, or a value of another type.
    """
    if not isinstance(values, dict):
        raise InputError(f"{prefix or 'It'} holds no settings: {values!r}.")
    hints = typing.get_type_hints(kind)
    for name in values:
        if name not in hints:
            raise InputError(f"There is no setting {prefix + name!r}.")
    return kind(
        **{
            name: from_dict(hints[name], value, f"{prefix}{name}.")
            if dataclasses.is_dataclass(hints[name])
            else value
            for name, value in values.items()
        }
    )
