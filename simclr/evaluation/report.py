"""Results as a table of plain text."""

# Heading and key of each column; shares are printed in per cent.
SHARES = (
    ("kNN top-1", "knn_top1"),
    ("kNN top-5", "knn_top5"),
    ("linear top-1", "linear_top1"),
    ("linear top-5", "linear_top5"),
)
_COLUMNS = (
    ("features", "name"),
    ("dims", "dims"),
    *SHARES,
    ("seconds", "seconds"),
)


def results_table(rows):
    """An aligned table: names to the left, numbers to the right.

    Args:
        rows: dicts with "name" and any of "dims" (int), "knn_top1", "knn_top5",
            "linear_top1", "linear_top5" (shares in [0, 1]) and "seconds".
            What is missing, or None, was not measured: its cell is empty, and
            a column without any number is left out.

    Returns:
        Lines without a newline at the end.
    """
    columns = [
        (heading, key)
        for heading, key in _COLUMNS
        if key == "name" or any(row.get(key) is not None for row in rows)
    ]
    lines = [[heading for heading, _ in columns]]
    lines += [[cell(row.get(key), key) for _, key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def cell(value, key):
    """A value of a row as text: 64.2 % for a share, empty when not measured."""
    if value is None:
        return ""
    if key in ("name", "dims"):
        return str(value)
    if key == "seconds":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{100 * value:.1f} %"
