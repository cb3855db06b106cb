"""Labels to learn from: enough of them, or a few, and their file."""

import numpy as np

from simclr.messages.errors import InputError
from simclr.storage import tables


def require_classes(source):
    """The labelled rows of a source, int64 [m].

    Raises:
        InputError: it has no labels, or all of one class.
    """
    if source.labels is None:
        raise InputError(
            f"{source.unlabelled()}: fine-tuning needs some. Give "
            "--labels=labels.csv (id,label)."
        )
    rows = np.flatnonzero(source.labels >= 0)
    if len(np.unique(source.labels[rows])) < 2:
        raise InputError(
            f"All {len(rows)} labelled images of {source.name} are of one "
            "class; fine-tuning needs at least two."
        )
    return rows


def few_labels(source, fraction, seed=0):
    """Chooses as many images of each class, at random.

    Args:
        source: Source with labels.
        fraction: share of the labelled images; whoever asks has checked it.
        seed: int.

    Returns:
        int64 [m] rows, sorted: of each class round(fraction * labelled images
        / classes), at least one, or all where it has fewer.

    Raises:
        InputError: no labels.
    """
    if source.labels is None:
        raise InputError(
            "--label_fraction takes a part of the labels, and "
            f"{source.unlabelled()}: give --labels=labels.csv."
        )
    rng = np.random.default_rng(seed)
    present = np.unique(source.labels[source.labels >= 0])
    count = np.sum(source.labels >= 0)
    each = max(1, round(fraction * count / len(present)))
    rows = [
        rng.permutation(np.flatnonzero(source.labels == label))[:each]
        for label in present
    ]
    return np.sort(np.concatenate(rows))


def to_csv(source, rows):
    """The text of a labels.csv of some images of a source."""
    lines = [tables.line(["id", "label"])]
    for row in rows:
        name = source.class_names[source.labels[row]]
        lines.append(tables.line([source.id(int(row)), name]))
    return "".join(lines)
