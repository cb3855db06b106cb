"""Opens synthetic images by their words."""

import importlib
import inspect

from simclr.data.sources.registry import open_source
from simclr.data.sources.synthetic import words
from simclr.messages.errors import InputError
from simclr.messages.hints import did_you_mean

# The name, and the class beside this that draws them. Its keyword-only
# arguments are the options.
SYNTHETIC = {
    "multidigits": "multidigits:MultiDigits",
    "digit_size": "digit_size:DigitSize",
    "digit_on_image": "digit_on_image:DigitOnImage",
    "randbits": "rand_bits:RandBits",
}
# Where nothing else is said: grey pictures of 28 pixels in ten classes, as
# MNIST's are; and something to look at.
_DEFAULT = "sample/train"


def open_synthetic(rest, name):
    """Opens "NAME?OPTION=VALUE&OPTION=VALUE".

    Args:
        rest: str; the options digits and images are sources, as open_source
            takes them. Images come last.
        name: str, the whole words.

    Returns:
        Source.

    Raises:
        InputError: no such name or option, or a value that does not fit.
    """
    kind, given = words.split(rest)
    if kind not in SYNTHETIC:
        raise InputError(
            f"{name!r}: synthetic images are {', '.join(SYNTHETIC)}."
            f"{did_you_mean(kind, SYNTHETIC)}"
        )
    module, _, drawer = SYNTHETIC[kind].partition(":")
    drawer = getattr(importlib.import_module(f"{__package__}.{module}"), drawer)
    known = {
        p.name: p
        for p in inspect.signature(drawer).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    for option in given:
        if option not in known:
            raise InputError(
                f"{name!r}: {kind} has no option {option!r}, only "
                f"{', '.join(known)}."
            )
    options = {
        option: _value(name, option, given.get(option), parameter)
        for option, parameter in known.items()
        if option in given or option in words.OF_SOURCES
    }
    return drawer(name, **options)


def _value(name, option, text, parameter):
    """What an option's text says: a Source, a number or a word."""
    if option in words.OF_SOURCES:
        return open_source(text or _DEFAULT)
    if parameter.annotation is str:
        return text
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise InputError(f"{name!r}: {option} is a number, not {text!r}.")
    return int(text)
