"""Whether a day of a store calls for a new training of its encoder.

Letters: d = dimensions.
"""

import numpy as np

from simclr.explore.clusters import sample
from simclr.explore.drift import reference, verdict
from simclr.explore.space import no_clusters, read
from simclr.explore.store.cells import quoted
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

_MOST = 20_000  # Images of a day that are looked at.


def health(store, *, day="", seed=0):
    """Compares a day with the images that the clusters were fitted to.

    Args:
        store: Store.
        day: str; "": the newest one.
        seed: int.

    Returns:
        (str, the day; verdict.Verdict).

    Raises:
        InputError: no clusters, no image of that day, or too few images that
            the clusters were fitted to.
    """
    space = read(store)
    if space is None:
        raise no_clusters(store.path)
    if not day:
        days = store.read(["day"])["day"].unique().drop_null().to_pylist()
        day = max(days, default="")
    where = f"{store.live} and day = {quoted(day)}"
    count = store.count(where)
    if not count:
        raise InputError(f"{store.path} has no image of the day {day!r}.")
    rows, _ = sample.draw(lambda: store.blocks(where), count, _MOST, seed=seed)
    if len(space.fitted) < reference.LEAST:
        raise InputError(
            f"To tell drift by, the clusters of {store.path} have "
            f"{counted(len(space.fitted), 'image')} that they were not fitted "
            f"to; {reference.LEAST} are needed: cluster it again when it holds "
            f"{6 * reference.LEAST:,} images."
        )
    clusters = space.clusters
    # The day's own clusters do not make its images known.
    before = np.array([one < day for one in clusters.born])
    before = before if before.any() else np.ones_like(before)
    fitted = reference.fit(
        space.fitted.astype(np.float32),
        clusters.centroids[before],
        clusters.thresholds[before],
        seed=seed,
    )
    return day, verdict.compare(fitted, space.whitening.apply(rows))
