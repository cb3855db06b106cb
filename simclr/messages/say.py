"""Lines for people, and silence.

Standard error is for what goes on, standard output for results.
"""

import contextlib
import contextvars
import sys

# A file's name may hold any of them, and a terminal obeys: all of C0 and C1
# but the ends of lines and tabs.
_CONTROLS = {
    number: f"\\x{number:02x}"
    for number in (*range(32), *range(127, 160))
    if chr(number) not in "\n\t"
}
_SILENT = contextvars.ContextVar("silent", default=False)


def printable(text, stream):
    """A text as a stream can show it, and a terminal show and do nothing else.

    Args:
        text: str.
        stream: file object; what its encoding lacks is spelled \\xNN.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = text.translate(_CONTROLS)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(text):
    """Prints a line of what goes on, at once."""
    if not _SILENT.get():
        print(printable(text, sys.stderr), file=sys.stderr, flush=True)


def show(text=""):
    """Prints results."""
    if not _SILENT.get():
        print(printable(text, sys.stdout), flush=True)


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
