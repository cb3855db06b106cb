"""Command lines of the form `simclr COMMAND ARGUMENTS --flags`.

What commands there are is told by __main__.py; here a line becomes a call, its
help, or one line that says what is wrong.
"""

import dataclasses
import sys
import textwrap
from collections.abc import Callable

from absl import flags

from simclr.engines import startup
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean


@dataclasses.dataclass(frozen=True)
class Command:
    """One command: its flags, its arguments and what it runs."""

    run: Callable
    define: Callable
    arguments: tuple[str, ...]
    summary: str
    needs_tensorflow: bool = True


def main(argv, commands, usage):
    """Runs one command.

    Args:
        argv: list of str without the program's name.
        commands: dict of name -> Command.
        usage: text shown without a command.

    Returns:
        Exit status: 0 done, 1 failed while working, 2 bad input, 75 stopped
        early with everything saved (SIGTERM, Ctrl-C, --max_hours).
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage)
        return 0 if argv else 2
    if argv[0] in commands and {"-h", "-help", "--help"} & set(argv[1:]):
        print(help_text(argv[0], commands[argv[0]]))
        return 0
    try:
        command, values, arguments = parse(argv, commands)
    except (flags.Error, InputError) as error:
        print(f"simclr: {_one_line(error)}", file=sys.stderr)
        return 2
    try:
        if command.needs_tensorflow:
            startup.require_tensorflow()
        return command.run(values, *arguments) or 0
    except KeyboardInterrupt:
        print("simclr: interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        if values.debug:
            raise
        print(f"simclr: {_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, InputError | OSError) else 1


def parse(argv, commands):
    """Splits a command line.

    Args:
        argv: list of str, the command's name first.
        commands: dict of name -> Command.

    Returns:
        (Command, its FlagValues, its arguments as list of str).

    Raises:
        InputError: no such command, or a wrong number of arguments.
        flags.Error: an unknown flag or a bad value.
    """
    name = argv[0]
    if name not in commands:
        hint = did_you_mean(name, commands) or f" Say {', '.join(commands)}."
        raise InputError(f"There is no command {name!r}.{hint}")
    command = commands[name]
    values = _flag_values(command)
    arguments = values(argv)[1:]
    if len(arguments) != len(command.arguments):
        wanted = " ".join(["simclr", name, *command.arguments, "[--flags]"])
        raise InputError(
            f"usage: {wanted}; got {' '.join(arguments) or 'no argument'}"
        )
    return command, values, arguments


def help_text(name, command):
    """One command's summary, usage and flags, and nobody else's."""
    values = _flag_values(command)
    lines = [
        command.summary,
        "",
        " ".join(["simclr", name, *command.arguments, "[--flags]"]),
        "",
    ]
    for flag in sorted(values):
        kind = values[flag].flag_type()
        default = values[flag].default
        shown = (
            f" (default: {default})" if default not in ("", [], None) else ""
        )
        text = f"{values[flag].help}{shown}"
        lines += [f"  --{flag}  [{kind}]"]
        lines += [f"      {line}" for line in textwrap.wrap(text, 72)]
    return "\n".join(lines)


def _flag_values(command):
    """The command's own flags, apart from those that libraries define."""
    values = flags.FlagValues()
    command.define(values)
    flags.DEFINE_boolean(
        "debug", False, "Show tracebacks and logs.", flag_values=values
    )
    return values


def _one_line(error):
    """The part of an error that a user can act on."""
    text = str(error).strip() or type(error).__name__
    # What Python code inside the input pipeline raised, without TensorFlow's
    # wrapping: "...UnknownError ... InputError: message\nTraceback ...".
    for kind in ("InputError: ", "OSError: "):
        if kind in text:
            text = text.split(kind, 1)[1]
            return text.splitlines()[0]
    line = text.splitlines()[0]
    if isinstance(error, InputError | OSError | FloatingPointError):
        return line
    if isinstance(error, flags.Error):
        return f"{line} (see --help)"
    line = f"{type(error).__name__}: {line}"
    cause = error.__cause__
    if cause is not None:
        why = (str(cause).strip() or "no message").splitlines()[0]
        line += f" (caused by {type(cause).__name__}: {why})"
    return f"{line} (--debug shows more)"
