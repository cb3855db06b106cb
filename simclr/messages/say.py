"""Lines for people, and silence.

Standard error is for what goes on, standard output for results.
"""

import contextlib
import contextvars
import sys

_SILENT = contextvars.ContextVar("silent", default=False)


def say(text):
    """Prints a line of what goes on, at once."""
    if not _SILENT.get():
        print(text, file=sys.stderr, flush=True)


def show(text=""):
    """Prints results."""
    if not _SILENT.get():
        print(text, flush=True)


@contextlib.contextmanager
def silence():
    """Nothing is said or shown inside; of this thread, and no other."""
    token = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(token)


def is_silent():
    """Whether nothing is to be said."""
    return _SILENT.get()
