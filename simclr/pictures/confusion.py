"""One page on a classifier: what it confuses, and how sure it may be."""

import numpy as np

from simclr.evaluation.classification import most_confused
from simclr.pictures.page import (
    BLUE,
    BODY,
    HEADING,
    INK,
    MUTED,
    RED,
    RULE,
    SMALL,
    TITLE,
    Page,
    plain,
    shorten,
)

# Inches.
_WIDTH, _MARGIN, _TOP = 14.0, 0.5, 1.35
_MATRIX = 6.6  # Side of the matrix.
_RIGHT, _RIGHT_WIDTH = 9.2, 4.3
_SIDE, _GAP = 1.15, 0.165  # Of the mistakes.
# Up to so many classes a cell has room for a number, a row for a name.
_NUMBERS, _NAMES = 20, 60
_NAME_LENGTH = 18  # Characters of a name at a row.
_CHARACTERS = 15  # Small ones that fit an inch.
MISTAKES = 10  # Shown.
_PAIRS = 10


def confusion_sheet(path, *, title, subtitle, scores, class_names, mistakes):
    """Draws a classifier's page.

    Args:
        path: of the PNG.
        title: one line.
        subtitle: one line: images, net.
        scores: see classification.measure.
        class_names: list of str [k].
        mistakes: list of (image, true class, predicted class, confidence), the
            most confident first; 10 are shown. An image is uint8 [h, w, 3] or
            float in [0, 1].
    """
    bottom = _TOP + 0.6 + _MATRIX + 1.15
    page = Page(_WIDTH, bottom + 0.6 + (_SIDE + 0.45 if mistakes else 0.2))
    page.text(_MARGIN, 0.42, title, size=TITLE, bold=True)
    page.text(_MARGIN, 0.8, subtitle, size=BODY + 1, color=MUTED)
    confusion = np.array(scores["confusion"])
    _draw_matrix(page, confusion, class_names)
    _draw_reliability(page, scores)
    _draw_pairs(page, _TOP + 4.75, confusion, class_names)
    _draw_mistakes(page, bottom, mistakes, class_names)
    page.save(path)


def _draw_matrix(page, confusion, class_names):
    """The matrix, each row in shares of its images."""
    num = len(class_names)
    page.text(_MARGIN, _TOP, "What is taken for what", size=HEADING, bold=True)
    caption = "A row: the images of a class; a column: what they are called."
    if num > _NUMBERS:  # Small shares would not be seen.
        caption += " Dark: many of the row (square root)."
    else:
        caption += " Per cent of the row."
    page.text(_MARGIN, _TOP + 0.24, caption, color=MUTED)
    totals = confusion.sum(axis=1, keepdims=True)
    share = np.where(totals, confusion / np.maximum(totals, 1), np.nan)
    left = _RIGHT - 0.7 - _MATRIX
    axes = page.axes(left, _TOP + 0.6, _MATRIX, _MATRIX)
    _show(axes, np.sqrt(share) if num > _NUMBERS else share)
    if num <= _NUMBERS:
        size = min(BODY + 2, 80 / num + 2.5)
        for i, j in np.argwhere(confusion > 0):
            # "<1" says that there are some.
            number = round(100 * share[i, j])
            axes.text(
                j,
                i,
                f"{number}" if number else "<1",
                size=size,
                color="white" if share[i, j] > 0.5 else INK,
                ha="center",
                va="center",
            )
    if num <= _NAMES:
        names = [plain(shorten(name, _NAME_LENGTH)) for name in class_names]
        size = min(BODY, 480 / num * 0.75)
        axes.set_yticks(range(num), names, size=size, color=INK)
        fits = max(map(len, names)) * 0.085 < _MATRIX / num
        axes.set_xticks(
            range(num),
            names,
            size=size,
            color=INK,
            rotation=0 if fits else 90 if num > _NUMBERS else 40,
            ha="center" if fits or num > _NUMBERS else "right",
            rotation_mode="anchor" if not fits and num <= _NUMBERS else None,
        )


def _show(axes, values):
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("blue", ["#f7f9fb", BLUE])
    colours = colours.with_extremes(bad="white")  # A class without images.
    axes.imshow(values, cmap=colours, vmin=0, vmax=1, aspect="auto")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(RULE)


def _draw_reliability(page, scores):
    """Accuracy at each confidence, and how many images have it."""
    bins = scores["reliability"]
    page.text(_RIGHT, _TOP, "How sure it may be", size=HEADING, bold=True)
    page.text(
        _RIGHT,
        _TOP + 0.24,
        f"Calibration error {100 * scores['ece']:.1f} %: the bars' mean "
        "distance from the line.",
        color=MUTED,
    )
    middle = (np.arange(len(bins)) + 0.5) / len(bins)
    count = np.array([row["count"] for row in bins])
    accuracy = np.array([row["accuracy"] or 0 for row in bins])

    left, width = _RIGHT + 0.4, _RIGHT_WIDTH - 0.4

    def bars(y, height, name, values, color):
        page.text(left, y, name, size=SMALL, color=MUTED)
        axes = page.axes(left, y + 0.2, width, height)
        axes.bar(middle, values, 0.9 / len(bins), color=color)
        axes.set_xlim(0, 1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        return axes

    axes = bars(_TOP + 0.55, 2.2, "share that is right", accuracy, BLUE)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xticklabels([])
    share = count / count.sum()
    axes = bars(_TOP + 3.05, 0.65, "share of the images", share, MUTED)
    axes.set_yticks([float(share.max())])
    page.text(
        left + width / 2,
        _TOP + 4.15,
        "probability of the predicted class",
        size=SMALL,
        color=MUTED,
        align="center",
    )


def _draw_pairs(page, y, confusion, class_names):
    """The pairs that are confused most often, as a list."""
    page.text(_RIGHT, y, "Most often confused", size=HEADING, bold=True)
    pairs = most_confused(confusion, _PAIRS)
    if not pairs:
        page.text(_RIGHT, y + 0.28, "nothing", color=MUTED)
    length = 20
    for row, (true, predicted, count) in enumerate(pairs):
        top = y + 0.28 + 0.21 * row
        names = [shorten(class_names[i], length) for i in (true, predicted)]
        page.text(_RIGHT, top, f"{names[0]} \u2192 {names[1]}")
        page.text(
            _RIGHT + _RIGHT_WIDTH,
            top,
            f"{count:,} of {confusion[true].sum():,}",
            color=MUTED,
            align="right",
        )


def _draw_mistakes(page, y, mistakes, class_names):
    """A row of images: the class, and what it was taken for."""
    page.text(_MARGIN, y, "Most confident mistakes", size=HEADING, bold=True)
    if not mistakes:
        page.text(_MARGIN, y + 0.28, "none", color=MUTED)
    room = int(_SIDE * _CHARACTERS)
    for i, (image, true, predicted, confidence) in enumerate(
        mistakes[:MISTAKES]
    ):
        left, top = _MARGIN + i * (_SIDE + _GAP), y + 0.35
        page.image(left, top, _SIDE, image)
        below = top + _SIDE + 0.06
        name = shorten(class_names[true], room)
        page.text(left, below, name, size=SMALL)
        number = f"{100 * confidence:.0f} %"
        name = shorten(class_names[predicted], room - len(number) - 3)
        page.text(left, below + 0.16, f"\u2192 {name}", size=SMALL, color=RED)
        page.text(
            left + _SIDE,
            below + 0.16,
            number,
            size=SMALL,
            color=MUTED,
            align="right",
        )
