"""What a user may have meant."""

import difflib
import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _MOST = 60


def shown(value):
    """Any value in a message: its repr, in one line, shortened."""
    text = " ".join(_SHORT.repr(value).split())
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


def near(word, known, cutoff=0.6):
    """The known word nearest to a mistyped one.

    Args:
        word: str.
        known: iterable of str.
        cutoff: likeness, from 0 to 1, below which there is none.

    Returns:
        str; "" where nothing is near.
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return found[0] if found else ""


def did_you_mean(word, known, form="{}", cutoff=0.6):
    """The end of a message on a mistyped word: " Did you mean ...?" or "".

    Args:
        word, known, cutoff: as in `near`.
        form: how the known word is shown, a format string.
    """
    found = near(word, known, cutoff)
    return f" Did you mean {form.format(found)}?" if found else ""
