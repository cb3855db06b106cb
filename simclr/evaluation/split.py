"""Which images an evaluation fits on and which it scores."""

import dataclasses

import numpy as np

# Share of the labelled images held out when there is no evaluation source.
_HELD_OUT = 0.1


@dataclasses.dataclass(frozen=True)
class Part:
    """Some images of a source.

    Attributes:
        reader: Reader of the source.
        rows: int64 [m], indices into it.
        labels: int32 [m], or None without labels.
    """

    reader: object
    rows: np.ndarray
    labels: np.ndarray | None


def split(reader, eval_reader=None, *, limit=0, seed=0):
    """Parts to fit on and to score; both labelled, or neither.

    With an `eval_reader`, fit on the reader's labelled images and score that
    one's. When only one of them has labels, a seeded tenth of those images is
    held out to be scored. Without labels both parts are the same images.

    Args:
        reader: Reader of the training images.
        eval_reader: Reader of held-out images, or None.
        limit: at most this many images a part, chosen by `seed`; 0: all.
        seed: int.

    Returns:
        (fit, score): two Parts.

    Raises:
        ValueError: the two sources' class names differ.
    """
    rng = np.random.default_rng(seed)
    labelled = _labelled(reader)
    if eval_reader is not None and len(_labelled(eval_reader)):
        if len(labelled) == 0:  # The encoder's images have no labels: fit on
            return split(eval_reader, limit=limit, seed=seed)  # these.
        ours, theirs = reader.source.class_names, eval_reader.source.class_names
        if ours != theirs:
            raise ValueError(
                f"The classes differ: {reader.source.name} has {_few(ours)}, "
                f"{eval_reader.source.name} has {_few(theirs)}."
            )
        return (
            _part(reader, labelled, limit, rng),
            _part(eval_reader, _labelled(eval_reader), limit, rng),
        )
    if len(labelled) == 0:
        everything = _part(reader, np.arange(len(reader.source)), limit, rng)
        return everything, everything
    rows = rng.permutation(labelled)
    held_out = max(1, round(_HELD_OUT * len(rows)))
    return (
        _part(reader, rows[held_out:], limit, rng),
        _part(reader, rows[:held_out], limit, rng),
    )


def _labelled(reader):
    labels = reader.source.labels
    return np.array([], int) if labels is None else np.flatnonzero(labels >= 0)


def _part(reader, rows, limit, rng):
    rows = rng.permutation(rows)
    rows = np.sort(rows[:limit] if limit else rows)
    labels = reader.source.labels
    if labels is not None and np.all(labels[rows] < 0):
        labels = None
    return Part(reader, rows, None if labels is None else labels[rows])


def _few(names):
    names = names or []
    return f"{len(names)} ({', '.join(names[:3])}, ...)"
