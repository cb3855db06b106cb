"""Numbers of things, and the first of many, in words."""


def counted(number, one, many=""):
    """A number and what it counts: "1 epoch", "1,024 images", "2.5 epochs".

    Args:
        number: int or float.
        one: str, a single one of them.
        many: str, several; "": `one` with an s.
    """
    whole = float(number).is_integer()
    shown = f"{int(number):,}" if whole else f"{number:g}"
    return f"{shown} {one if number == 1 else many or one + 's'}"


def first_few(names, most=3):
    """The first of many names, "a, b, c, ..."."""
    names = list(names)
    return ", ".join(names[:most] + ["..."] * (len(names) > most))
