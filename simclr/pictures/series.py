"""A number over an axis, a line for each series, with the spread of seeds."""

import numpy as np

from simclr.pictures.page import (
    BLUE,
    BODY,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RED,
    SMALL,
    TITLE,
    Page,
    plain,
    shorten,
)

_COLOURS = (BLUE, ORANGE, GREEN, RED, INK, MUTED)
_STYLES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
# Inches.
_MARGIN, _TOP, _WIDTH, _HEIGHT, _NAMES, _BELOW = 0.5, 1.3, 5.6, 3.4, 2.6, 0.9
_LINE = 0.2  # Of the names, one below another.
_BESIDE = 0.05  # Of the distance of two places.


def draw(path, *, title, subtitle, rows, x, series, values=("top1",)):
    """Draws lines of means; a band from the least to the most of the seeds.

    Of one place: points, and a stroke from the least to the most.

    Args:
        path: of the PNG.
        title, subtitle: a line each.
        rows: dicts with `x`, the axes of `series` and `values`, shares in
            [0, 1]; a row whose value or `x` is None is left out.
        x: key of the axis to the right; its values have equal steps.
        series: keys whose values together name a line; a colour each.
        values: keys of the numbers; a line style each.
    """
    places = list(dict.fromkeys(r[x] for r in rows if r.get(x) is not None))
    if all(isinstance(place, int | float) for place in places):
        places.sort()
    names = list(dict.fromkeys(_name(row, series) for row in rows))
    page = Page(2 * _MARGIN + _WIDTH + _NAMES, _TOP + _HEIGHT + _BELOW)
    page.text(_MARGIN, 0.35, shorten(title, 70), size=TITLE, bold=True)
    page.text(_MARGIN, 0.8, subtitle, size=BODY, color=MUTED)
    plot = page.axes(_MARGIN + 0.3, _TOP, _WIDTH - 0.5, _HEIGHT)
    drawn = 0
    for i, name in enumerate(names):
        for j, value in enumerate(values):
            line = [_spread(rows, series, name, x, at, value) for at in places]
            known = [k for k, found in enumerate(line) if found is not None]
            if not known:
                continue
            low, middle, high = 100 * np.array([line[k] for k in known]).T
            style = {
                "color": _COLOURS[i % len(_COLOURS)],
                "linestyle": _STYLES[j % len(_STYLES)],
            }
            if len(places) == 1:  # No lines: points beside each other.
                last = len(names) * len(values) - 1
                known = [_BESIDE * (drawn - last / 2)]
                plot.vlines(known, low, high, **style, alpha=0.4)
            plot.fill_between(
                known, low, high, color=style["color"], alpha=0.15, linewidth=0
            )
            plot.plot(known, middle, **style, marker="o", ms=3, linewidth=1.6)
            _legend(page, drawn, name, value if len(values) > 1 else "", style)
            drawn += 1
    if len(places) == 1:
        plot.set_xlim(-0.5, 0.5)
    plot.set_xticks(range(len(places)), [plain(at) for at in places])
    plot.set_xlabel(plain(x.replace("_", " ")), size=BODY, color=MUTED)
    plot.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    page.save(path)


def _name(row, series):
    """What a row's line is called: its series' values; "yes" says of what."""
    words = (
        f"{key.replace('_', ' ')} {row[key]}"
        if isinstance(row[key], int | float) or row[key] in ("yes", "no")
        else str(row[key])
        for key in series
        if row.get(key) is not None
    )
    return ", ".join(words) or "all"


def _spread(rows, series, name, x, at, value):
    """(least, mean, most) of the seeds at a place; None where there is none."""
    found = [
        row[value]
        for row in rows
        if row.get(value) is not None
        and row.get(x) == at
        and _name(row, series) == name
    ]
    return (min(found), np.mean(found), max(found)) if found else None


def _legend(page, number, name, value, style):
    """A line's name to the right of the plot."""
    left = _MARGIN + _WIDTH + 0.1
    top = _TOP + 0.1 + _LINE * number
    page.stroke(left, top + 0.05, 0.3, **style)
    words = f"{name}: {value}" if value else name
    page.text(left + 0.4, top, shorten(words, 34), size=SMALL)
