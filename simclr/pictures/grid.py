"""A grid of runs in one picture: a number in each cell."""

import numpy as np

from simclr.pictures.page import (
    BLUE,
    BODY,
    HEADING,
    INK,
    MUTED,
    RULE,
    SMALL,
    TITLE,
    Page,
    plain,
    shorten,
)

# Inches.
_MARGIN, _TOP, _LEFT, _BOTTOM = 0.5, 1.3, 1.7, 0.9
_CELL_WIDTH, _CELL_HEIGHT = 0.95, 0.55


def draw(path, *, title, subtitle, rows, axes, value="top1"):
    """Draws a matrix of the values of one or two axes.

    Args:
        path: of the PNG.
        title: one line.
        subtitle: one line: what the numbers are.
        rows: dicts with the axes and `value`, a share in [0, 1]; a cell without
            a row, or whose value is None, stays empty. Of several rows in one
            cell (other axes, seeds) the mean is shown, and how far the others
            lie from it at most.
        axes: names of the axis downwards and the one to the right; or of the
            one to the right alone.
        value: key of the number.
    """
    down, right = axes if len(axes) == 2 else (None, axes[0])
    names = [_values(rows, axis) for axis in (down, right)]
    found = [
        [_values_at(rows, {down: y, right: x}, value) for x in names[1]]
        for y in names[0]
    ]
    width, height = (
        _CELL_WIDTH * len(names[1]),
        _CELL_HEIGHT * len(names[0]),
    )
    page = Page(
        max(_LEFT + width, 6.5) + _MARGIN,
        _TOP + height + _BOTTOM,
    )
    page.text(_MARGIN, 0.35, shorten(title, 60), size=TITLE, bold=True)
    page.text(_MARGIN, 0.8, subtitle, size=BODY, color=MUTED)
    plot = page.axes(_LEFT, _TOP, width, height)
    _show(plot, found)
    plot.set_xticks(
        range(len(names[1])), [plain(x) for x in names[1]], color=INK
    )
    plot.set_xlabel(plain(right), size=BODY, color=MUTED)
    if down:
        plot.set_yticks(
            range(len(names[0])), [plain(y) for y in names[0]], color=INK
        )
        plot.set_ylabel(plain(down), size=BODY, color=MUTED)
    else:
        plot.set_yticks([])
    page.save(path)


def _show(plot, found):
    """Colours from the smallest number to the largest, and the numbers."""
    from matplotlib.colors import LinearSegmentedColormap

    table = np.array(
        [[np.mean(x) if x else np.nan for x in row] for row in found]
    )
    colours = LinearSegmentedColormap.from_list("blue", ["#f7f9fb", BLUE])
    colours = colours.with_extremes(bad="white")
    known = table[np.isfinite(table)]
    low, high = (known.min(), known.max()) if len(known) else (0, 1)
    plot.imshow(table, cmap=colours, vmin=low, vmax=high, aspect="auto")
    plot.grid(False)
    for spine in plot.spines.values():
        spine.set_visible(True)
        spine.set_color(RULE)
    for i, j in np.argwhere(np.isfinite(table)):
        dark = high > low and (table[i, j] - low) / (high - low) > 0.5
        plot.text(
            j,
            i,
            f"{100 * table[i, j]:.1f}",
            size=HEADING,
            weight="bold" if table[i, j] == high else "normal",
            color="white" if dark else INK,
            ha="center",
            va="center",
        )
        if len(found[i][j]) > 1:
            spread = np.abs(np.array(found[i][j]) - table[i, j]).max()
            plot.text(
                j,
                i + 0.32,
                f"± {100 * spread:.1f}",
                size=SMALL,
                color="white" if dark else MUTED,
                ha="center",
                va="center",
            )


def _values(rows, axis):
    """An axis's values in the order in which they appear."""
    return list(dict.fromkeys(row.get(axis) for row in rows))


def _values_at(rows, place, value):
    """The numbers of a cell, a list."""
    return [
        row[value]
        for row in rows
        if row.get(value) is not None
        and all(row.get(axis) == at for axis, at in place.items())
    ]
