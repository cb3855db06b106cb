"""Whether a day of images calls for a new training of the encoder.

Letters: n = rows of the day, d = dimensions.
"""

import dataclasses

from simclr.explore.drift.differences import interval
from simclr.explore.drift.reference import FEATURES, MIX, NOVEL, is_enough
from simclr.messages.counts import counted

YES, NO, TOO_FEW = "yes", "no", "not enough images"


@dataclasses.dataclass(frozen=True)
class Sign:
    """One way in which a day may differ.

    Attributes:
        name: reference.NOVEL, MIX or FEATURES.
        value: float, of the day.
        threshold: float, the largest value that is no drift.
        drifted: bool.
        reason: str, a line.
    """

    name: str
    value: float
    threshold: float
    drifted: bool
    reason: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a day says of the encoder.

    Attributes:
        retrain: YES, NO or TOO_FEW.
        signs: tuple of Sign; empty where there are too few images.
        reasons: tuple of str, a line each.
    """

    retrain: str
    signs: tuple
    reasons: tuple


def compare(reference, rows):
    """Compares a day with the reference.

    Novel images, or features that moved inside their clusters, are reasons to
    train: the encoder sees what it has not learnt. Another mix of known images
    is none. As each image's features are told from its own cluster's centroid,
    a mix moves them hardly at all.

    A sign's threshold is what chance reaches, and above that what the worst
    of the reference's own days did.

    Args:
        reference: reference.Reference.
        rows: float [n, d], whitened.

    Returns:
        Verdict.

    Raises:
        InputError: rows of another width, or that are not finite.
    """
    if not is_enough(len(rows), reference):
        few = (
            f"{counted(len(rows), 'image')} would not show that a tenth of "
            "them are novel."
        )
        return Verdict(TOO_FEW, (), (few,))
    z, cluster = reference.scaled(rows)
    signs = []
    for name, value, chance in reference.signs(z, cluster):
        threshold = chance + reference.allowed[name]
        drifted = value > threshold
        reason = _REASONS[name](value, len(z), reference.expected)
        reason += ", more than " if drifted else ", no more than "
        reason += _SHOWN[name].format(threshold)
        if drifted and name == MIX:
            reason += ": a mix alone is no reason to train again"
        signs.append(Sign(name, value, threshold, drifted, reason + "."))
    drifted = {sign.name for sign in signs if sign.drifted}
    retrain = YES if drifted & {NOVEL, FEATURES} else NO
    return Verdict(retrain, tuple(signs), tuple(s.reason for s in signs))


def _novel(value, count, expected):
    low, high = interval(round(value * count), count)
    return (
        f"{value:.1%} of {counted(count, 'image')} are novel ({low:.1%} to "
        f"{high:.1%}; {expected:.1%} is expected)"
    )


def _mix(value, count, expected):
    return f"the mix of clusters moved by {value:.3f} bits"


def _features(value, count, expected):
    return f"features inside clusters moved by {value:.4f} (MMD squared)"


_REASONS = {NOVEL: _novel, MIX: _mix, FEATURES: _features}
_SHOWN = {NOVEL: "{:.1%}", MIX: "{:.3f}", FEATURES: "{:.4f}"}
