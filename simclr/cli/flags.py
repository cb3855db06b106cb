"""A command's absl flags, made of its arguments (commands/definition.py)."""

from absl import flags

from simclr.commands.definition import Argument

# Of every command line, and of no function.
DEBUG = Argument("debug", bool, "Show tracebacks and logs.", False)


class _Plain:
    """A parser of absl's that says what it takes in plain words."""

    def parse(self, argument):
        try:
            value = super().parse(argument)
            if value != value:  # A NaN is within all bounds.
                raise ValueError
            return value
        except (TypeError, ValueError):
            low, high = self.lower_bound, self.upper_bound
            least = "" if low is None else f" of at least {low:,}"
            both = "" if high is None else f" from {low:,} to {high:,}"
            raise ValueError(f"it must be {self.word}{both or least}") from None


class _Whole(_Plain, flags.IntegerParser):
    word = "a whole number"


class _Number(_Plain, flags.FloatParser):
    word = "a number"


_NUMBERS = {int: _Whole, float: _Number}


def define(arguments, values):
    """Defines a flag for each argument.

    Args:
        arguments: list of Argument.
        values: absl FlagValues; gets the flags.
    """
    for argument in arguments:
        _define(argument, values)


def spelling(arguments):
    """How a help text spells an argument: DATA, --labels; a function."""
    words = {a.name for a in arguments if a.required}
    return lambda name: name.upper() if name in words else f"--{name}"


def _define(argument, values):
    name, default = argument.name, argument.default
    words, here = argument.help, {"flag_values": values}
    if argument.choices:
        flags.DEFINE_enum(name, default, argument.choices, words, **here)
    elif argument.kind is bool:
        flags.DEFINE_boolean(name, default, words, **here)
    elif argument.kind in _NUMBERS:
        parser = _NUMBERS[argument.kind](
            lower_bound=argument.least, upper_bound=argument.most
        )
        flags.DEFINE(parser, name, default, words, **here)
    elif argument.repeatable:
        flags.DEFINE_multi_string(name, list(default), words, **here)
    elif argument.kind is tuple:
        flags.DEFINE_list(name, list(default), words, **here)
    else:
        flags.DEFINE_string(name, default, words, **here)


def call_of(arguments, words, values):
    """What a command is called with: keyword arguments, a dict.

    Args:
        arguments: list of Argument.
        words: the line's words that are no flags, one for each argument that
            is required.
        values: absl FlagValues, parsed.
    """
    required = [a.name for a in arguments if a.required]
    return dict(zip(required, words)) | {
        a.name: values[a.name].value
        for a in arguments
        if a.flag and not a.required
    }
