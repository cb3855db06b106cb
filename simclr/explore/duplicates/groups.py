"""Groups of duplicates: each member is within the threshold of the one kept.

Joining all that is connected makes chains: a is like b, b like c, and a and c
are two pictures. Here the best image is kept first and takes those that are its
own duplicates, then the best of the rest, and so on ("leader" clustering,
Hartigan 1975).

Letters: n = images, p = pairs.
"""

import dataclasses

import numpy as np

from simclr.messages.errors import InputError


@dataclasses.dataclass(frozen=True)
class Groups:
    """Which image is kept in whose place.

    Attributes:
        kept: int64 [n], the image that is kept in each one's place; itself
            where it is kept.
        score: float32 [n], of an image with the one that is kept in its place;
            NaN where it is kept.
    """

    kept: np.ndarray
    score: np.ndarray


def leader_groups(pairs, order):
    """Groups out of the pairs that reach the threshold.

    New images can join groups that there are: let the kept ones be first in
    `order`, and `pairs` have those with the new images and among these.

    Args:
        pairs: pairs.Pairs within a set of n images.
        order: int64 [n], every image once, the one to keep first before others.

    Returns:
        Groups.

    Raises:
        InputError: `order` has not every image once, or a pair an image that
            is not in it.
    """
    order = np.asarray(order, np.int64)
    count = len(order)
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise InputError(f"The order has not each of {count} images once.")
    if len(pairs) and max(pairs.first.max(), pairs.second.max()) >= count:
        raise InputError(f"A pair has an image that is not one of {count}.")
    place = np.empty([count], np.int64)
    place[order] = np.arange(count)
    # Each pair once, from the better image to the worse one.
    better, worse = pairs.first, pairs.second
    turned = place[better] > place[worse]
    better, worse = np.where(turned, (worse, better), (better, worse))
    by_place = np.argsort(place[better], kind="stable")
    better, worse = better[by_place], worse[by_place]
    value = pairs.score[by_place]
    kept = np.arange(count)
    score = np.full([count], np.nan, np.float32)
    leaders, starts = np.unique(place[better], return_index=True)
    ends = np.append(starts[1:], len(better))
    for leader, start, end in zip(order[leaders], starts, ends):
        if kept[leader] != leader:  # It has been taken itself.
            continue
        members = worse[start:end]
        free = kept[members] == members
        kept[members[free]] = leader
        score[members[free]] = value[start:end][free]
    return Groups(kept, score)
