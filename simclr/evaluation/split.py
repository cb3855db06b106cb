"""Which images an evaluation fits on, which it scores, which it looks at."""

import dataclasses

import numpy as np

from simclr.messages.errors import InputError

# Share of the labelled images held out when there is no evaluation source.
_HELD_OUT = 0.1
# Fewer labelled images, or fewer classes, say nothing about an encoder.
_MIN_LABELLED, _MIN_CLASSES = 10, 2
# So many scored images stand for all: health and neighbours take them too.
_ENOUGH = 1000


@dataclasses.dataclass(frozen=True)
class Part:
    """Some images of a source.

    Attributes:
        reader: Reader of the source.
        rows: int64 [m], indices into it.
        labels: int32 [m], -1 for none; or None when not one has a label.
    """

    reader: object
    rows: np.ndarray
    labels: np.ndarray | None

    def __len__(self):
        return len(self.rows)

    def take(self, mask):
        """The images where `mask`, bool [m], is true."""
        labels = None if self.labels is None else self.labels[mask]
        return Part(self.reader, self.rows[mask], labels)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of an evaluation.

    Attributes:
        fit: labelled images that kNN and the probe are fitted on; None when
            there are no labels, or too few.
        score: other labelled images, to be classified; None likewise.
        look: images for what needs no labels: health and neighbours. They
            do not depend on which few images have a label.
        note: what a user should know about the labels; usually empty.
    """

    fit: Part | None
    score: Part | None
    look: Part
    note: str = ""


def split(reader, eval_reader=None, *, limit=0, look_limit=0, seed=0):
    """The parts of an evaluation.

    With an `eval_reader`, fit on the reader's labelled images and score that
    one's. When only one of them has labels, a seeded tenth of each class of
    those images is held out to be scored.

    Args:
        reader: Reader of the training images.
        eval_reader: Reader of held-out images, or None.
        limit: at most this many images to fit on and to score, chosen by
            `seed`; 0: all.
        look_limit: at most this many images to look at; 0: all.
        seed: int.

    Returns:
        Parts.

    Raises:
        InputError: the two sources' class names differ.
    """
    rng = np.random.default_rng(seed)
    fit, score, note = _labelled_parts(reader, eval_reader, limit, rng)
    if score is not None and len(score) >= _ENOUGH:
        look = _part(score.reader, score.rows, look_limit, rng)
    else:
        everything = np.arange(len(reader.source))
        look = _part(reader, everything, look_limit, rng)
    return Parts(fit, score, look, note)


def held_out(y, rng):
    """Which images are held out: a tenth of each class, at least one.

    Args:
        y: int [m], classes.
        rng: numpy Generator.

    Returns:
        bool [m]; the only image of a class is not held out.
    """
    mask = np.zeros(len(y), bool)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        if len(rows) > 1:
            mask[rows[: max(1, round(_HELD_OUT * len(rows)))]] = True
    return mask


def _labelled_parts(reader, eval_reader, limit, rng):
    """(fit, score, note); None, None without labels that are of use."""
    ours, note = _labelled(reader)
    if eval_reader is not None:
        theirs, their_note = _labelled(eval_reader)
        note = note or their_note
        if len(ours) and len(theirs):
            _require_same_classes(reader.source, eval_reader.source)
            return (
                _part(reader, ours, limit, rng),
                _part(eval_reader, theirs, limit, rng),
                note,
            )
        if len(theirs):  # The encoder's images have no labels.
            reader, ours = eval_reader, theirs
    if len(ours) == 0:
        return None, None, note
    mask = held_out(reader.source.labels[ours], rng)
    return (
        _part(reader, ours[~mask], limit, rng),
        _part(reader, ours[mask], limit, rng),
        note,
    )


def _labelled(reader):
    """Rows with a label, none where they are too few; and a note on that."""
    labels = reader.source.labels
    if labels is None:
        return np.array([], int), ""
    rows = np.flatnonzero(labels >= 0)
    classes = len(np.unique(labels[rows]))
    if len(rows) < _MIN_LABELLED or classes < _MIN_CLASSES:
        return np.array([], int), (
            f"{reader.source.name}: {len(rows)} labelled images in {classes} "
            "classes are too few for kNN and a linear probe"
        )
    return rows, ""


def _require_same_classes(ours, theirs):
    if ours.class_names != theirs.class_names:
        raise InputError(
            f"The classes differ: {ours.name} has {_few(ours.class_names)}, "
            f"{theirs.name} has {_few(theirs.class_names)}."
        )


def _part(reader, rows, limit, rng):
    rows = rng.permutation(rows)
    rows = np.sort(rows[:limit] if limit else rows)
    labels = reader.source.labels
    if labels is not None and np.all(labels[rows] < 0):
        labels = None
    return Part(reader, rows, None if labels is None else labels[rows])


def _few(names):
    return f"{len(names)} ({', '.join(names[:3])}, ...)"
