"""Groups of images, one below the other: clusters, duplicates, what is new."""

import dataclasses

import numpy as np

from simclr.pictures.page import HEADING, MUTED, SMALL, Page, shorten

_MARGIN, _GAP = 0.35, 0.06
_SIDE = 0.7  # Of an image, inches.
_ACROSS = 14  # Images of a group in a row of the sheet.
_WORDS = 0.3  # Room for a group's line.
_CHARACTERS = 160


@dataclasses.dataclass(frozen=True)
class Group:
    """Images with a line above them.

    Attributes:
        words: str.
        images: list of uint8 [h, w, 3], at most as many as are to be drawn.
        frames: colours of their frames, or None for no frame; () for none.
    """

    words: str
    images: list
    frames: tuple = ()


def draw(path, *, title, subtitle, groups):
    """Draws a sheet.

    Args:
        path: of the PNG.
        title: one line.
        subtitle: one line on how to read it.
        groups: list of Group.
    """
    heights = [
        _WORDS + -(-max(1, len(group.images)) // _ACROSS) * (_SIDE + _GAP)
        for group in groups
    ]
    page = Page(
        2 * _MARGIN + _ACROSS * (_SIDE + _GAP), 1.0 + sum(heights) + _MARGIN
    )
    page.text(_MARGIN, 0.3, shorten(title, 90), size=HEADING, bold=True)
    page.text(_MARGIN, 0.56, shorten(subtitle, _CHARACTERS), color=MUTED)
    top = 0.95
    for group, height in zip(groups, heights):
        words = shorten(group.words, _CHARACTERS)
        page.text(_MARGIN, top, words, size=SMALL)
        frames = group.frames or [None] * len(group.images)
        for i, (image, frame) in enumerate(zip(group.images, frames)):
            row, column = divmod(i, _ACROSS)
            left = _MARGIN + column * (_SIDE + _GAP)
            below = top + 0.2 + row * (_SIDE + _GAP)
            page.image(left, below, _SIDE, np.asarray(image), frame)
        top += height
    page.save(path)
