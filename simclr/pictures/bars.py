"""A bar for each kind of run, with the spread of seeds."""

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
    shorten,
)

# Inches.
_MARGIN, _TOP, _ROW, _NAMES, _BARS, _NUMBERS = 0.5, 1.25, 0.34, 3.0, 4.2, 1.3


def draw(path, *, title, subtitle, rows, kind, value="top1"):
    """Draws a bar of the mean of each kind, and its least and most.

    Args:
        path: of the PNG.
        title, subtitle: a line each.
        rows: dicts with the keys of `kind` and `value`, a share in [0, 1];
            rows whose value is None are left out.
        kind: keys whose values together name a bar.
        value: key of the number.
    """
    found = {}
    for row in rows:
        name = ", ".join(str(row[k]) for k in kind if row.get(k) is not None)
        if row.get(value) is not None:
            found.setdefault(name, []).append(row[value])
    width = 2 * _MARGIN + _NAMES + _BARS + _NUMBERS
    page = Page(width, _TOP + _ROW * len(found) + 0.4)
    page.text(_MARGIN, 0.35, shorten(title, 70), size=TITLE, bold=True)
    page.text(_MARGIN, 0.8, subtitle, size=BODY, color=MUTED)
    best = max((np.mean(shares) for shares in found.values()), default=0)
    left = _MARGIN + _NAMES
    for i, (name, shares) in enumerate(found.items()):
        y, mean = _TOP + _ROW * i, np.mean(shares)
        page.text(_MARGIN, y + 0.03, shorten(name, 38), size=BODY)
        page.bar(left, y, _BARS, 0.22, RULE)
        page.bar(left, y, _BARS * mean, 0.22, BLUE if mean == best else MUTED)
        low, high = min(shares), max(shares)
        if len(shares) > 1:
            page.bar(
                left + _BARS * low, y + 0.1, _BARS * (high - low), 0.02, INK
            )
        spread = f" {100 * low:.1f} to {100 * high:.1f}"
        page.text(left + _BARS + 0.1, y, f"{100 * mean:.1f} %", size=HEADING)
        if len(shares) > 1:
            page.text(
                left + _BARS + 0.65, y + 0.04, spread, size=SMALL, color=MUTED
            )
    page.save(path)
