"""A pipeline in one picture: accuracy and size of every stage."""

from simclr.evaluation import report
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
_WIDTH, _MARGIN, _TOP, _ROW = 10.0, 0.5, 1.25, 0.52
_NAMES, _BARS = 3.1, 3.6


def draw(path, *, title, rows):
    """Draws a bar a stage, as long as its top-1 accuracy.

    Args:
        path: of the PNG.
        title: one line.
        rows: see report.stages_table; without "top1" there is no bar, and
            what else is not measured yet is left out.
    """
    counts = {row["images"] for row in rows if row.get("images")}
    same = f"{max(counts):,} " if len(counts) == 1 else ""
    gains = any("gain" in row for row in rows)
    page = Page(_WIDTH, _TOP + _ROW * len(rows) + 0.45)
    page.text(_MARGIN, 0.35, shorten(title, 60), size=TITLE, bold=True)
    page.text(
        _MARGIN,
        0.8,
        f"top-1 accuracy on {same}held-out images"
        f"{', points over the labels alone' if gains else ''}, "
        "and the size of the net",
        size=BODY,
        color=MUTED,
    )
    best = max((row["top1"] or 0.0 for row in rows), default=0.0)
    for i, row in enumerate(rows):
        y = _TOP + _ROW * i
        page.text(_MARGIN, y, shorten(row["name"], 30), size=HEADING)
        page.text(
            _MARGIN,
            y + 0.2,
            f"{row['kind']}, {row['net']}" if "net" in row else row["kind"],
            size=SMALL,
            color=MUTED,
        )
        left = _MARGIN + _NAMES
        page.bar(left, y, _BARS, 0.3, RULE)
        if row["top1"] is None:
            page.text(
                left + 0.1, y + 0.05, "not scored", size=SMALL, color=MUTED
            )
            continue
        color = BLUE if row["top1"] == best else MUTED
        page.bar(left, y, _BARS * row["top1"], 0.3, color)
        page.text(
            left + _BARS + 0.15,
            y + 0.02,
            f"{100 * row['top1']:.1f} %",
            size=HEADING,
            color=INK,
            bold=row["top1"] == best,
        )
        if len(counts) > 1 and row.get("images"):
            of = f"of {row['images']:,}"
            page.text(
                left + _BARS + 0.85, y + 0.05, of, size=SMALL, color=MUTED
            )
        page.text(
            left + _BARS + 0.15, y + 0.2, _size(row), size=SMALL, color=MUTED
        )
    page.save(path)


def _size(row):
    """Gain, parameters and speed, as far as they are known."""
    known = []
    if "gain" in row:
        known.append(report.cell(row["gain"], "gain"))
    if "parameters" in row:
        known.append(f"{row['parameters'] / 1e6:.2f} M")
    if "images_per_second" in row:
        known.append(f"{row['images_per_second']:,.0f} images/s")
    return ", ".join(known)
