"""The `simclr` console command, and `python -m simclr`."""

import contextlib
import os
import sys

from simclr.messages import signals
from simclr.messages.errors import Stopped
from simclr.messages.say import say


def run():
    """Entry point of the `simclr` console command."""
    signals.listen()
    try:
        status = main(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # It was closed before we started.
                stream.flush()
        if status in (0, signals.EXIT_STOPPED):
            _leave()
    except Stopped as stopped:
        _say_last(f"simclr: {signals.stopped_by(stopped)}")
        status = signals.EXIT_STOPPED
    except KeyboardInterrupt:
        _say_last("simclr: interrupted.")
        status = signals.EXIT_INTERRUPTED
    except BrokenPipeError:  # Nobody reads on, as after `| head`.
        status = 1
    # Not sys.exit: a run stopped half-way leaves the input pipeline's threads
    # in Python code, and the interpreter's end and theirs can wait for each
    # other for ever.
    os._exit(status)


def main(argv):
    """Runs one command; see line.main."""
    # Not above: their imports take long enough for a signal to come.
    from simclr.cli import line
    from simclr.cli.commands import COMMANDS, usage

    return line.main(argv, COMMANDS, usage)


def _say_last(line):
    """What has ended it; nobody may read on."""
    with contextlib.suppress(BrokenPipeError):
        say(line)


def _leave():
    """With the others of a cluster, who do so, too; a fault is alone."""
    from simclr.pjrt import cluster

    cluster.leave()


if __name__ == "__main__":
    run()
