"""Differences between runs, with what seeds make of them, and their words."""

import math
import statistics

from simclr.studies.study import Verdict


def by_seed(rows, value="top1", **place):
    """The numbers of the rows at a place, dict of seed -> number.

    Of several rows of a seed it is their mean; None counts for nothing.
    """
    seeds = {}
    for row in rows:
        if row.get(value) is not None and all(
            row.get(key) == at for key, at in place.items()
        ):
            seeds.setdefault(row.get("seed"), []).append(row[value])
    return {seed: statistics.fmean(found) for seed, found in seeds.items()}


def minus(one, other):
    """dict of seed -> difference, of the seeds that both dicts have."""
    return {seed: one[seed] - other[seed] for seed in one if seed in other}


def gains(rows, one, other, value="top1"):
    """What a place has more than another, dict of seed -> difference.

    Args:
        rows: list of dict.
        one, other: dicts of axis -> value, the places.
        value: column.
    """
    return minus(by_seed(rows, value, **one), by_seed(rows, value, **other))


def mean(rows, value="top1", **place):
    """Their mean, or None where there is no such row."""
    found = by_seed(rows, value, **place).values()
    return statistics.fmean(found) if found else None


def positive(differences):
    """Whether differences lie above 0, beyond their spread.

    Args:
        differences: dict of seed -> float, as from `gains`.

    Returns:
        (bool or None where there is none, str): their mean exceeds twice its
        standard error; of one seed, it is above 0.
    """
    found = list(differences.values())
    if not found:
        return None, "not run"
    difference = statistics.fmean(found)
    points = f"{100 * difference:+.1f} points"
    if len(found) < 2:
        return difference > 0, f"{points}, of one seed"
    error = math.sqrt(statistics.variance(found) / len(found))
    return difference > 2 * error, (
        f"{points}, standard error {100 * error:.1f}, {len(found)} seeds"
    )


def higher(rows, one, other, words, value="top1"):
    """Verdict on whether rows at a place lie above those at another.

    Seeds are compared each with itself: runs of a seed have the same labels,
    order of images and first weights.

    Args:
        rows: list of dict.
        one, other: dicts of axis -> value, the places.
        words: (str, str), what the places are called.
        value: column.
    """
    first, second = (by_seed(rows, value, **place) for place in (one, other))
    yes, difference = positive(minus(first, second))
    if yes is None:
        return Verdict(None, f"{words[0]} and {words[1]} are not both scored")
    means = [
        percent(statistics.fmean(found[seed] for seed in first.keys() & second))
        for found in (first, second)
    ]
    return Verdict(
        yes,
        f"{words[0]} {means[0]}, {words[1]} {means[1]} ({difference})",
    )


def rises(differences, words):
    """Verdict on whether differences lie above 0.

    Args:
        differences: dict of seed -> float, as from `gains`.
        words: what has how much more than what.
    """
    yes, points = positive(differences)
    return Verdict(yes, f"{words}: {points}")


def all_of(*parts):
    """One verdict of several: all must appear, and none be missing."""
    known = [part.appears for part in parts]
    whole = None if None in known else all(known)
    return Verdict(whole, "; ".join(part.words for part in parts))


def percent(share):
    """A share as text, 63.2 %."""
    return f"{100 * share:.1f} %"
