"""Command lines of the form `simclr COMMAND WORDS --flags`.

What commands there are is told by commands.py; here a line becomes a call, its
help, or one line that says what is wrong.
"""

import textwrap

from absl import flags

from simclr.cli.flags import DEBUG, call_of, define, spelling
from simclr.engines import startup
from simclr.messages.errors import (
    PLAIN_FAULTS,
    InputError,
    in_one_line,
    is_bad_input,
    joined,
)
from simclr.messages.hints import did_you_mean, near
from simclr.messages.say import say, show


def main(argv, commands, usage):
    """Runs one command.

    Args:
        argv: list of str without the program's name.
        commands: dict of name -> Command.
        usage: function to the text that is shown without a command.

    Returns:
        Exit status: 0 done, 1 failed while working, 2 bad input, 75 stopped
        early with everything saved (--max_hours).

    Raises:
        KeyboardInterrupt: by Ctrl-C; Stopped, by a signal that was heard.
        BrokenPipeError: nobody reads what is said.
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        show(usage())
        return 0 if argv else 2
    argv = _joined(argv, commands)
    if argv[0] in commands and {"-h", "-help", "--help"} & set(argv[1:]):
        show(help_text(argv[0], commands[argv[0]]))
        return 0
    try:
        command, values, words = parse(argv, commands)
    except flags.UnrecognizedFlagError as error:
        hint = _of_setting(error.flagname, commands[argv[0]])
        say(f"simclr: {joined(str(error))}{hint or ' (see --help)'}")
        return 2
    except flags.Error as error:
        say(f"simclr: {joined(str(error))} (see --help)")
        return 2
    except InputError as error:
        say(f"simclr: {in_one_line(error)}")
        return 2
    startup.be_quiet(debug=values.debug)
    startup.leave_extras_out()
    try:
        call = call_of(command.arguments, words, values)
        return command.status(command.function(**call))
    except BrokenPipeError:  # Nobody reads on, which is no fault.
        raise
    except Exception as error:
        if values.debug:
            raise
        known = is_bad_input(error) or isinstance(error, PLAIN_FAULTS)
        more = "" if known else " (--debug shows more)"
        say(f"simclr: {in_one_line(error)}{more}")
        return 2 if is_bad_input(error) else 1


def parse(argv, commands):
    """Splits a command line.

    Args:
        argv: list of str, the command's name first.
        commands: dict of name -> Command.

    Returns:
        (Command, its FlagValues, the words that are no flags: list of str).

    Raises:
        InputError: no such command, or a wrong number of words.
        flags.Error: an unknown flag or a bad value.
    """
    argv = _joined(argv, commands)
    name = argv[0]
    if name not in commands:
        hint = did_you_mean(name, commands) or f" Say {', '.join(commands)}."
        raise InputError(f"There is no command {name!r}.{hint}")
    command = commands[name]
    values = _flag_values(command)
    words = values(argv)[1:]
    if len(words) != len(command.words):
        hint = ""
        if _takes_settings(command) and any("=" in word for word in words):
            hint = " (one --set for each setting)"
        raise InputError(
            f"usage: {_usage(name, command)}; got "
            f"{' '.join(words) or 'no argument'}{hint}"
        )
    return command, values, words


def _takes_settings(command):
    return any(argument.name == "set" for argument in command.arguments)


def _of_setting(flag, command):
    """How to say a setting that was taken for a flag; "" for what is none."""
    if not _takes_settings(command):
        return ""
    from simclr.config.schema import Config
    from simclr.config.values import keys

    ends = {key: key.rpartition(".")[2] for key in keys(Config)}
    found = [key for key, end in ends.items() if flag in (key, end)]
    if found:
        ways = " or ".join(f"--set {key}=VALUE" for key in found)
        return f". It is a setting: {ways}."
    meant = near(flag, ends.values(), cutoff=0.8)
    near_ones = [key for key, end in ends.items() if meant and end == meant]
    ways = " or ".join(f"--set {key}=VALUE" for key in near_ones)
    return f". Did you mean {ways}?" if ways else ""


def _joined(argv, commands):
    """The line with a name of two words, as `embeddings export`, as one."""
    two = " ".join(argv[:2])
    return [two, *argv[2:]] if two in commands else argv


def help_text(name, command):
    """One command's summary, usage and flags, and nobody else's."""
    values, spelt = _flag_values(command), spelling(command.arguments)
    lines = [command.summary, "", _usage(name, command), ""]
    for argument in command.arguments:
        if argument.required:
            lines += [f"  {spelt(argument.name)}"]
            lines += _indented(argument.words(spelt))
    for argument in sorted(_with_flags(command), key=lambda a: a.name):
        default = argument.default_words()
        shown = f" (default: {default})" if default else ""
        lines += [f"  --{argument.name}  [{values[argument.name].flag_type()}]"]
        lines += _indented(f"{argument.words(spelt)}{shown}")
    return "\n".join(lines)


def _usage(name, command):
    return " ".join(["simclr", name, *command.words, "[--flags]"])


def _indented(text):
    return [f"      {line}" for line in textwrap.wrap(text, 72)]


def _flag_values(command):
    """The command's own flags, apart from those that libraries define."""
    values = flags.FlagValues()
    define(_with_flags(command), values)
    return values


def _with_flags(command):
    """The Arguments that are flags on its line, a list."""
    return [a for a in command.arguments if a.flag and not a.required] + [DEBUG]
