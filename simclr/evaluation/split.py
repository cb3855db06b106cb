"""Which images an evaluation fits on, which it scores, which it looks at."""

import dataclasses

import numpy as np

from simclr.data.labels.numbers import numbered
from simclr.evaluation.accuracy import UNKNOWN_CLASS
from simclr.messages.counts import counted, first_few
from simclr.messages.errors import InputError

# Share of the labelled images held out when there is no evaluation source.
_HELD_OUT = 0.1
# Fewer labelled images are not split in those to fit on and those to score.
_MIN_SPLIT = 10
# Of fewer scored images a note says how many they are.
_FEW = 100
# So many scored images stand for all: health and neighbours take them too.
_ENOUGH = 1000
# Images that tell whether all are the same.
_ALIKE = 100


@dataclasses.dataclass(frozen=True)
class Part:
    """Some images of a source.

    Attributes:
        reader: Reader of the source.
        rows: int64 [m], indices into it.
        labels: int32 [m], -1 for none, UNKNOWN_CLASS for a class that what is
            scored cannot answer with; or None when not one has a label.
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

    def alike(self):
        """Whether the images, by a sample of them, are all the same pixels."""
        places = np.linspace(0, len(self) - 1, _ALIKE).astype(int)
        images = (self.reader.load(self.rows[i])[0] for i in np.unique(places))
        first = next(images)
        return all(np.array_equal(first, image) for image in images)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of an evaluation.

    Attributes:
        fit: labelled images that kNN and the probe are fitted on; None when
            nothing can be scored.
        score: other labelled images, to be classified, with the numbers of
            fit's classes; None likewise.
        look: images for what needs no labels: health and neighbours. They
            do not depend on which few images have a label.
        note: what a user should know about the labels; usually empty. How few
            are scored is known, and said by `few`, when they have been read.
    """

    fit: Part | None
    score: Part | None
    look: Part
    note: str = ""


def split(reader, eval_reader=None, *, limit=0, look_limit=0, seed=0):
    """The parts of an evaluation.

    With an `eval_reader`, its labelled images are scored and no others, and
    the reader's labelled images, however few, are fitted on and no others;
    classes are matched by name. Without one, a seeded tenth of each class of
    the labelled images is held out to be scored. With one, where the reader's
    images have no labels at all, its labelled images are split so, and the
    note says it.

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
        InputError: the two sources have no class in common.
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


def parts(y, count, rng):
    """What is held out in turn: each class in parts of about the same size.

    Args:
        y: int [m], classes.
        count: of parts.
        rng: numpy Generator.

    Returns:
        list of bool [m], at most `count`, of which none is without rows, except
        a single one; the only image of a class is not held out.
    """
    turn = np.full(len(y), -1)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        if len(rows) > 1:
            turn[rows] = np.arange(len(rows)) % count
    return [turn == part for part in range(max(1, min(count, turn.max() + 1)))]


def _labelled_parts(reader, eval_reader, limit, rng):
    """(fit, score, note); None, None where nothing can be scored."""
    if eval_reader is None:
        return _split_labels(reader, limit, rng)
    ours, theirs = _labelled(reader.source), _labelled(eval_reader.source)
    name, eval_name = reader.source.name, eval_reader.source.name
    if len(theirs) == 0:
        note = (
            f"{eval_name}: none of its {len(eval_reader.source):,} images has "
            "a label (--eval_labels=labels.csv gives them); nothing is scored"
        )
        return None, None, note
    if len(ours) == 0:
        fit, score, note = _split_labels(eval_reader, limit, rng)
        source = f"{name} has no labels, so those of {eval_name} are split"
        return fit, score, "; ".join(filter(None, [source, note]))
    present = np.unique(reader.source.labels[ours])
    if len(present) == 1:
        note = (
            f"{name}: all {len(ours):,} labelled images are "
            f"{reader.source.class_names[present[0]]}, which leaves nothing "
            "to tell apart; nothing is scored"
        )
        return None, None, note
    number = {reader.source.class_names[i]: i for i in present}
    labels, note = scored_labels(eval_reader.source, number, name)
    fit = _part(reader, ours, limit, rng)
    score = _part(eval_reader, theirs, limit, rng)
    score = Part(eval_reader, score.rows, labels[score.rows])
    return fit, score, note


def _split_labels(reader, limit, rng):
    """(fit, score, note) of one source: a tenth of its labels is held out."""
    rows = _labelled(reader.source)
    if len(rows) == 0:
        return None, None, ""
    classes = len(np.unique(reader.source.labels[rows]))
    if len(rows) < _MIN_SPLIT or classes < 2:
        note = (
            f"{reader.source.name}: {len(rows)} labelled images in {classes} "
            "classes are too few for kNN and a linear probe"
        )
        return None, None, note
    mask = held_out(reader.source.labels[rows], rng)
    fit = _part(reader, rows[~mask], limit, rng)
    score = _part(reader, rows[mask], limit, rng)
    return fit, score, ""


def scored_labels(source, number, owner):
    """Labels of images to score, with the numbers that classes are known by.

    Args:
        source: Source with labels.
        number: dict of class name -> int, all the classes there can be.
        owner: str, whose classes those are.

    Returns:
        labels: int32 [num], UNKNOWN_CLASS for an image of another class.
        note: str that names those classes; "" where there is none.

    Raises:
        InputError: every labelled image is of another class.
    """
    labels, unknown = numbered(source, number, unknown=UNKNOWN_CLASS)
    count = sum(unknown.values())
    if count == np.sum(source.labels >= 0):
        raise InputError(
            f"The classes differ: {owner} has {_names(number)}, "
            f"{source.name} has {_names(unknown)}."
        )
    if not unknown:
        return labels, ""
    return labels, (
        f"{counted(count, 'image')} of {source.name} "
        f"{'is' if count == 1 else 'are'} of classes that {owner} lacks, "
        f"{_names(unknown)}, and a miss each"
    )


def few(score):
    """A note on how many images are scored, where they are few.

    Args:
        score: Part of the images that could be read, or None.

    Returns:
        str, "" where there is nothing to say.
    """
    if score is None or len(score) >= _FEW:
        return ""
    return f"the score is of {counted(len(score), 'image')} only"


def _labelled(source):
    """Rows with a label."""
    labels = source.labels
    return np.flatnonzero([] if labels is None else labels >= 0)


def _part(reader, rows, limit, rng):
    rows = rng.permutation(rows)
    rows = np.sort(rows[:limit] if limit else rows)
    labels = reader.source.labels
    if labels is not None and np.all(labels[rows] < 0):
        labels = None
    return Part(reader, rows, None if labels is None else labels[rows])


def _names(names):
    return f"{len(names)} ({first_few(names)})"
