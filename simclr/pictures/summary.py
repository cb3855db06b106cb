"""One page on a run: curves, views, results and nearest neighbours."""

from simclr.evaluation.report import FIGURES, SHARES, cell
from simclr.pictures import sheets
from simclr.pictures.page import (
    BLUE,
    BODY,
    HEADING,
    MUTED,
    RULE,
    SMALL,
    TITLE,
    Page,
    shorten,
)

# Inches.
_WIDTH, _MARGIN, _GUTTER = 14.0, 0.5, 0.55
_TOP, _HEADING = 1.3, 0.36
_CURVES_HEIGHT = 3.0
_RESULT_HEIGHT = 0.42
_VIEW_SIDE, _VIEW_COLUMNS = 0.74, 3
_QUERIES, _QUERY_SIDE = 6, 0.62


def summary_picture(
    path,
    *,
    title,
    subtitle,
    metrics_rows,
    view1,
    view2,
    results=(),
    neighbours=None,
):
    """Draws the page that a user sees first.

    Args:
        path: of the PNG.
        title: one line.
        subtitle: one line: data, model, time.
        metrics_rows: see sheets.draw_curves; none: no curves.
        view1: [n, s, s, 3] first views; up to 18 are shown.
        view2: [n, s, s, 3] second views.
        results: rows as for report.results_table and health_table; the first
            stands out. Without accuracies the figures of health are compared.
        neighbours: dict of sheets.neighbours_sheet's arguments without
            `path`, or None; 6 queries are shown.
    """
    shares = _measured(results, SHARES)
    facts = _measured(results[:1], FIGURES) if shares else []
    # Weights that were imported have no history.
    curves = _CURVES_HEIGHT if metrics_rows else 0.0
    body = curves + _results_height(results) + (0.75 if facts else 0)
    # As many rows of views as the left column is high.
    rows = 1
    while _HEADING + _views_size(rows + 1)[1] <= body:
        rows += 1
    pairs = rows * _VIEW_COLUMNS
    views_left = _WIDTH - _MARGIN - _views_size(rows)[0]
    left_width = views_left - _GUTTER - _MARGIN
    page = Page(_WIDTH, _TOP + body + _neighbours_height(neighbours) + _MARGIN)

    page.text(_MARGIN, 0.42, title, size=TITLE, bold=True)
    page.text(_MARGIN, 0.8, subtitle, size=BODY + 1, color=MUTED)
    if metrics_rows:
        sheets.draw_curves(
            page, _MARGIN, _TOP, left_width, curves - 0.3, metrics_rows
        )
    y = _TOP + curves
    if shares:
        _draw_results(
            page,
            _MARGIN,
            y,
            left_width,
            results,
            "What the features know",
            shares,
        )
    elif results:
        _draw_results(
            page,
            _MARGIN,
            y,
            left_width,
            [row for row in results if _measured([row], FIGURES)],
            "How the features are spread",
            _measured(results, FIGURES),
        )
    _draw_facts(
        page,
        _MARGIN,
        y + _results_height(results),
        left_width,
        [(heading, cell(results[0][key], key)) for heading, key in facts],
    )
    page.text(
        views_left, _TOP, "Two views of each image", size=HEADING, bold=True
    )
    sheets.draw_views(
        page,
        views_left,
        _TOP + _HEADING,
        view1[:pairs],
        view2[:pairs],
        _VIEW_COLUMNS,
        _VIEW_SIDE,
    )
    if neighbours is not None:
        _draw_neighbours(page, _TOP + body + 0.2, neighbours)
    page.save(path)


def _views_size(rows):
    return sheets.views_size(rows * _VIEW_COLUMNS, _VIEW_COLUMNS, _VIEW_SIDE)


def _results_height(results):
    return 1.0 + _RESULT_HEIGHT * len(results) if results else 0.0


def _measured(results, columns):
    """Those of the columns that any row has a number for."""
    return [
        (heading, key)
        for heading, key in columns
        if any(row.get(key) is not None for row in results)
    ]


def _draw_results(page, x, y, width, results, heading, columns):
    """A table; a bar under each share, full width for 100 %."""
    page.text(x, y, heading, size=HEADING, bold=True)
    first = 2.6  # Width of the column of names.
    step = (width - first) / max(1, len(columns))
    y += 0.38
    for i, (name, _) in enumerate(columns):
        page.text(x + first + i * step, y, name, size=SMALL, color=MUTED)
    y += 0.2
    page.bar(x, y, width, 0.01, RULE)
    for number, row in enumerate(results):
        top = y + 0.12 + number * _RESULT_HEIGHT
        lead = number == 0
        dims = "" if row.get("dims") is None else f"{row['dims']:,} dims"
        page.text(x, top, shorten(row["name"], 20), bold=lead)
        page.text(
            x + first - 0.25, top, dims, size=SMALL, color=MUTED, align="right"
        )
        for i, (name, key) in enumerate(columns):
            value = row.get(key)
            if value is None:
                continue
            left, full = x + first + i * step, step - 0.25
            page.text(left, top, cell(value, key), bold=lead)
            if (name, key) not in SHARES:
                continue
            page.bar(left, top + 0.19, full, 0.05, RULE)
            page.bar(
                left, top + 0.19, full * value, 0.05, BLUE if lead else MUTED
            )


def _draw_facts(page, x, y, width, facts):
    for i, (name, value) in enumerate(facts):
        left = x + i * width / len(facts)
        page.text(left, y + 0.08, value, size=HEADING, bold=True)
        page.text(left, y + 0.3, name, size=SMALL, color=MUTED)


def _neighbours_height(neighbours):
    if neighbours is None:
        return 0.0
    rows = -(-len(neighbours["query_idx"][:_QUERIES]) // 2)
    _, height = sheets.neighbours_size(rows, [[]], _QUERY_SIDE)
    return 0.8 + height


def _draw_neighbours(page, y, neighbours):
    """Two columns of queries."""
    page.text(_MARGIN, y, "Nearest neighbours", size=HEADING, bold=True)
    labels = neighbours.get("labels")
    caption = sheets.neighbours_caption(labels)
    page.text(_MARGIN, y + 0.24, caption, color=MUTED)
    shown = neighbours["query_idx"][:_QUERIES]
    half = -(-len(shown) // 2)
    width, _ = sheets.neighbours_size(
        half, neighbours["neighbour_idx"], _QUERY_SIDE
    )
    right = page.width - _MARGIN - width
    for x, part in [
        (_MARGIN, slice(0, half)),
        (right, slice(half, len(shown))),
    ]:
        rows = {
            name: neighbours[name][part]
            for name in ("query_idx", "neighbour_idx", "similarities")
        }
        sheets.draw_neighbours(
            page, x, y + 0.6, _QUERY_SIDE, **{**neighbours, **rows}
        )
