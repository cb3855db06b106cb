"""A line for people, on standard error: standard output is for results."""

import sys


def say(text):
    """Prints a line at once."""
    print(text, file=sys.stderr, flush=True)
