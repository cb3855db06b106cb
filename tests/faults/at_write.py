"""python -m tests.faults.at_write N SIGNAL WORDS: simclr WORDS, and a signal
to itself at the N-th time that a file takes its name: odd ones before, even
ones after."""

import os
import sys

from simclr import __main__

_replace, _done = os.replace, []


def _signalled(*paths, **options):
    wanted, number = map(int, sys.argv[1:3])
    _done.append(paths)
    now = len(_done) == wanted
    if now and wanted % 2:
        os.kill(os.getpid(), number)
    _replace(*paths, **options)
    if now and not wanted % 2:
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    os.replace = _signalled
    main = __main__.main
    __main__.main = lambda argv: main(argv[2:])
    __main__.run()
