"""Loss and accuracy over time, from the rows of metrics.jsonl."""

from simclr.pictures.page import BLUE, GREEN, INK, MUTED, ORANGE, SMALL

# Key in a row, name on the picture, colour.
_ACCURACIES = (
    ("accuracy", "views matched", BLUE),
    ("probe_accuracy", "linear (online)", ORANGE),
    ("knn", "kNN", GREEN),
    ("agreement", "as the teacher", INK),
)
_LINE = 1.4  # Height of a line of text, in font sizes.
# Levels to beat, measured once before the first step: dashed.
_LEVELS = (
    ("untrained_knn", "kNN untrained"),
    ("start_knn", "kNN at the start"),
    ("raw_pixels_knn", "kNN raw pixels"),
)


def draw_loss(axes, rows):
    """Draws the loss; rows without one are passed over."""
    x, y = _series(rows, "loss")
    marker = "o" if len(x) == 1 else None
    axes.plot(
        x, y, color=BLUE, linewidth=1.6, marker=marker, solid_capstyle="round"
    )
    _finish(axes, rows)
    _name_lines(axes, [(y[-1], f"{y[-1]:.2f}", BLUE)] if y else [])


def draw_accuracy(axes, rows):
    """Draws every accuracy that the rows hold, in per cent, with its name."""
    labels = []
    for key, name, color in _ACCURACIES:
        x, y = _series(rows, key, scale=100)
        if y:
            marker = "o" if len(x) < 30 else None
            axes.plot(x, y, color=color, linewidth=1.6, marker=marker, ms=3)
            labels.append((y[-1], f"{name} {y[-1]:.0f} %", color))
    for key, name in _LEVELS:
        _, y = _series(rows, key, scale=100)
        if y:
            axes.axhline(y[-1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            labels.append((y[-1], f"{name} {y[-1]:.0f} %", MUTED))
    highest = max([y for y, *_ in labels], default=100)
    axes.set_ylim(0, 100 if highest > 60 else None)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    _finish(axes, rows)
    _name_lines(axes, labels)
    if not labels:
        axes.text(
            *(0.5, 0.5, "nothing was scored"),
            transform=axes.transAxes,
            ha="center",
            color=MUTED,
            fontsize=SMALL,
        )


def _series(rows, key, scale=1):
    """x and y of the rows that hold a number for `key`."""
    found = [row for row in rows if row.get(key) is not None]
    return [_x(rows, r) for r in found], [scale * r[key] for r in found]


def _x(rows, row):
    """Epochs when the rows tell how many steps make one, else steps."""
    return row["step"] * (_epochs_per_step(rows) or 1)


def _epochs_per_step(rows):
    for row in reversed(rows):
        if row.get("epoch") and row["step"]:
            return row["epoch"] / row["step"]
    return None


def _finish(axes, rows):
    axes.set_xlim(0, max([_x(rows, row) for row in rows], default=0) or 1)
    axes.set_xlabel(
        "epoch" if _epochs_per_step(rows) else "step",
        color=MUTED,
        fontsize=SMALL,
        labelpad=2,
    )
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    axes.yaxis.get_major_locator().set_params(nbins=5)


def _name_lines(axes, labels):
    """Writes (y, text, color) to the right of the plot, none over another."""
    labels = sorted(labels)
    low, high = axes.get_ylim()
    inches = axes.get_window_extent().height / axes.figure.dpi
    gap = _LINE * SMALL / 72 / inches * (high - low)
    places = [y for y, *_ in labels]
    for _ in range(100):  # Neighbours that are too close push each other away.
        for i in range(len(places) - 1):
            push = (gap - (places[i + 1] - places[i])) / 2
            if push > 0:
                places[i] -= push
                places[i + 1] += push
    for place, (_, text, color) in zip(places, labels):
        axes.annotate(
            text,
            (1, place),
            (6, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=color,
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
        )
