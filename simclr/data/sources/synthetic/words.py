"""How synthetic images are spelled: NAME?OPTION=VALUE&...&images=IMAGES."""

from simclr.messages.errors import InputError

# Options that are sources themselves. Images come last, and what stands after
# images= is theirs, so that they may have options, too.
OF_SOURCES = ("digits", "images")
_LAST = "&images="


def split(rest):
    """The parts of what stands after synthetic:.

    Args:
        rest: str.

    Returns:
        (name, dict of option -> its text).

    Raises:
        InputError: an option without a value, or one that is there twice.
    """
    name, _, text = rest.partition("?")
    text, last, images = f"&{text}".partition(_LAST)
    options = {}
    for part in filter(None, text.split("&")):
        option, equals, value = part.partition("=")
        if not equals or option in options:
            raise InputError(
                f"synthetic:{rest}: {part!r} is no OPTION=VALUE, or is there "
                f"twice. Options go as in {name}?seed=1&digits=sample/test."
            )
        options[option] = value
    if last:
        options["images"] = images
    return name, options


def join(name, options):
    """The text that `split` takes apart."""
    text = "&".join(f"{option}={value}" for option, value in options.items())
    return f"{name}?{text}" if text else name
