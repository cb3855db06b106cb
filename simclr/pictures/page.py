"""A page to draw on: positions in inches from the top left corner.

matplotlib is imported here, and only when a picture is made. No pyplot: a
figure of its own is drawn by Agg, whatever the user's display or settings.
"""

import warnings

import numpy as np

from simclr.storage.whole import whole_file

INK, MUTED, RULE = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE, GREEN, RED = "#2563a8", "#c76b1e", "#2f9e62", "#d64545"

TITLE, HEADING, BODY, SMALL = 17, 11, 9, 7.5
_DPI = 130
# Up to this side, in pixels, images are shown as sharp squares.
_SHARP = 64


class Page:
    """A white page of `width` x `height` inches."""

    def __init__(self, width, height):
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self._figure = Figure(figsize=(width, height), facecolor="white")
        # Images, bars and text share one coordinate system, in inches: axes
        # for each of a hundred images would take seconds.
        self._sheet = self._figure.add_axes((0, 0, 1, 1))
        self._sheet.set_axis_off()

    def axes(self, x, y, width, height):
        """Empty matplotlib axes in the style of the page."""
        axes = self._figure.add_axes(
            (
                x / self.width,
                1 - (y + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.tick_params(colors=MUTED, labelsize=SMALL, length=0, pad=4)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(RULE)
        axes.grid(axis="y", color=RULE, linewidth=0.7)
        axes.set_axisbelow(True)
        return axes

    def text(
        self, x, y, text, *, size=BODY, color=INK, bold=False, align="left"
    ):
        """One line of text with its top at `y`."""
        self._sheet.text(
            x,
            y,
            plain(text),
            size=size,
            color=color,
            weight="bold" if bold else "normal",
            ha=align,
            va="top",
            family="DejaVu Sans",
        )

    def bar(self, x, y, width, height, color):
        """A filled rectangle."""
        self._rectangle(x, y, width, height, facecolor=color, linewidth=0)

    def stroke(self, x, y, width, **style):
        """A line to the right, in matplotlib's words for its style."""
        self._sheet.plot([x, x + width], [y, y], linewidth=1.6, **style)

    def image(self, x, y, side, image, frame=None):
        """An image fitted into a square, with a coloured frame or none.

        `image` is uint8 or float in [0, 1], [h, w, 3], [h, w, 1] or [h, w].
        """
        image = np.asarray(image)
        if image.dtype != np.uint8:
            image = np.clip(image.astype(np.float32), 0, 1)
        if image.ndim == 2 or image.shape[2] == 1:
            image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
        h, w = image.shape[:2]
        width, height = side * w / max(h, w), side * h / max(h, w)
        x, y = x + (side - width) / 2, y + (side - height) / 2
        self._sheet.imshow(
            image,
            extent=(x, x + width, y + height, y),
            interpolation="nearest" if max(h, w) <= _SHARP else "antialiased",
            aspect="auto",
        )
        if frame is not None:
            self._rectangle(
                x, y, width, height, fill=False, edgecolor=frame, linewidth=2
            )

    def save(self, path):
        """Writes a PNG, whole or not at all."""
        self._sheet.set_xlim(0, self.width)
        self._sheet.set_ylim(self.height, 0)
        with warnings.catch_warnings():
            # A box stands for a letter that the font lacks, without a word.
            warnings.filterwarnings("ignore", "Glyph .* missing")
            with whole_file(path, "wb") as file:
                self._figure.savefig(file, dpi=_DPI, format="png")

    def _rectangle(self, x, y, width, height, **style):
        from matplotlib.patches import Rectangle

        self._sheet.add_patch(Rectangle((x, y), width, height, **style))


def plain(text):
    """Text in one line, `$` shown as such: a file name is no formula."""
    text = "".join(c if c.isprintable() else " " for c in str(text))
    return text.replace("$", r"\$")


def shorten(text, length):
    """At most `length` characters, the last an ellipsis where some are cut."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "\u2026"
