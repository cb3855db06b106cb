"""Flip: mirrored, left to right."""


def flip(planes, _):
    """Mirrors planes, [n, 3, s, s]."""
    return planes[..., ::-1]
