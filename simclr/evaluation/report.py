"""Results as tables of plain text."""

from simclr.messages.columns import aligned

# Heading and key of each column; shares are printed in per cent.
SHARES = (
    ("kNN top-1", "knn_top1"),
    ("kNN top-5", "knn_top5"),
    ("linear top-1", "linear_top1"),
    ("linear top-5", "linear_top5"),
)
FIGURES = (
    ("effective rank", "effective_rank"),
    ("alignment", "alignment"),
    ("uniformity", "uniformity"),
    ("feature std", "feature_std"),
)
_AGREEMENT = ("agreement", "agreement")
_NAME = (("features", "name"), ("dims", "dims"))
STAGES = (
    ("stage", "name"),
    ("what", "kind"),
    ("net", "net"),
    ("top-1", "top1"),
    ("over the labels alone", "gain"),
    ("scored", "images"),
    ("parameters", "parameters"),
    ("images/s", "images_per_second"),
    ("minutes", "minutes"),
)
_WORDS = ("name", "kind", "net", "taken_for")
_CLASSIFIER = (
    ("classifier", "name"),
    ("images", "images"),
    ("top-1", "top1"),
    ("top-5", "top5"),
    ("calibration error", "ece"),
    ("cross entropy", "nll"),
)
_CLASSES = (
    ("class", "name"),
    ("images", "count"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("F1", "f1"),
    ("most often taken for", "taken_for"),
)
# So many classes are listed; of more, the worst and the best.
_LISTED, _WORST, _BEST = 30, 10, 5


def results_table(rows):
    """What needs labels: kNN and the linear probe, as lines.

    Args:
        rows: dicts with "name" and any of "dims" (int), "knn_top1", "knn_top5",
            "linear_top1", "linear_top5" (shares in [0, 1]) and "seconds".
            What is missing, or None, was not measured: its cell is empty, and
            a column without any number is left out.

    Returns:
        An aligned table, names to the left and numbers to the right, without a
        newline at the end.
    """
    return _table(rows, (*_NAME, *SHARES, ("seconds", "seconds")))


def health_table(rows):
    """What needs no labels, as lines: see results_table.

    Args:
        rows: dicts with "name" and what health.health gives, and "agreement"
            with the trained encoder (share in [0, 1]); rows without any of it
            are left out.
    """
    columns = (*FIGURES, _AGREEMENT)
    rows = [row for row in rows if any(key in row for _, key in columns)]
    return _table(rows, (*_NAME, *columns))


def stages_table(rows):
    """The stages of a pipeline, as lines.

    Args:
        rows: dicts with "name", "kind" and "net" (str), "top1" (share in
            [0, 1]) of "images" (int), "gain" (difference of such shares),
            "parameters" (int), "images_per_second" (float, of inference) and
            "minutes" (float, of training and scoring).
    """
    return _table(rows, STAGES)


def classifier_table(row, images):
    """Scores of a classifier, as lines: see results_table.

    Args:
        row: dict with "name" and what classification.measure gives.
        images: int, how many were scored.
    """
    return _table([{**row, "images": images}], _CLASSIFIER)


def classes_table(per_class):
    """Each class, as lines; of more than 30 the 10 worst and the 5 best by F1.

    Args:
        per_class: see classification.per_class. Classes without images are
            not compared.
    """
    rows = [
        {**row, "taken_for": f"{row['confused_with']} ({row['confused']})"}
        if row["confused"]
        else row
        for row in per_class
    ]
    if len(rows) <= _LISTED:
        return _table(rows, _CLASSES)
    seen = sorted((r for r in rows if r["count"]), key=lambda r: r["f1"])
    best = seen[_WORST:][-_BEST:]
    title = f"The {len(seen[:_WORST])} worst and {len(best)} best classes of "
    table = _table(seen[:_WORST] + best, _CLASSES)
    return f"{title}{len(rows):,}, by F1:\n{table}"


def _table(rows, columns):
    columns = [
        (heading, key)
        for heading, key in columns
        if key == "name" or any(row.get(key) is not None for row in rows)
    ]
    lines = [[heading for heading, _ in columns]]
    lines += [[cell(row.get(key), key) for _, key in columns] for row in rows]
    return aligned(lines, [key in _WORDS for _, key in columns])


def cell(value, key):
    """A value of a row as text: 64.2 % for a share, 3 digits for a figure of
    health, empty when not measured."""
    if value is None:
        return ""
    if key in (*_WORDS, "dims"):
        return str(value)
    if key in ("images", "count", "parameters", "images_per_second"):
        return f"{value:,.0f}"
    if key == "gain":
        return f"{100 * value:+.1f} points"
    if key == "minutes":
        return f"{value:.1f}"
    if key == "nll":
        return f"{value:.3f}"
    if key == "seconds":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    if key in {key for _, key in FIGURES}:
        return f"{value:.3g}"
    return f"{100 * value:.1f} %"
