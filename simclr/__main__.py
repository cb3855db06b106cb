"""The `simclr` console command, and `python -m simclr`."""

import os
import sys

from simclr.cli import line
from simclr.cli.commands import COMMANDS, usage
from simclr.pjrt import cluster
from simclr.runs.stopping import EXIT_STOPPED


def run():
    """Entry point of the `simclr` console command."""
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
        sys.stderr.flush()
        if status in (0, EXIT_STOPPED):  # So do the others; a fault is alone.
            cluster.leave()
    except BrokenPipeError:  # Nobody reads on, as after `| head`.
        status = 1
    # Not sys.exit: a run stopped half-way leaves the input pipeline's threads
    # in Python code, and the interpreter's end and theirs can wait for each
    # other for ever.
    os._exit(status)


def main(argv):
    """Runs one command; see line.main."""
    return line.main(argv, COMMANDS, usage)


if __name__ == "__main__":
    run()
