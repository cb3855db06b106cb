"""Near-duplicates of a store: found, grouped, shown. Nothing is deleted.

Letters: m = live images of the store, p = made duplicates, f = features.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from simclr.executors import HERE
from simclr.explore import known_images
from simclr.explore.clusters import sample
from simclr.explore.duplicates import calibration, report
from simclr.explore.duplicates.groups import leader_groups
from simclr.explore.duplicates.keep import keep_order
from simclr.explore.duplicates.pairs import pairs_between, pairs_within
from simclr.explore.duplicates.scores import background_of, scored
from simclr.explore.duplicates.vectors import fit_whitening, whitened_rows
from simclr.messages.counts import counted
from simclr.messages.errors import InputError

_FITTED_ON = 100_000  # Images that the whitening is of.
_BELOW = 0.05  # Pairs of so much less than the threshold may be doubtful.
_DOUBTFUL = 40  # Pairs that are shown on each side of the threshold.


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """What was found.

    Attributes:
        groups: pa.Table of duplicates/report.groups_table; of two stores
            report.pairs_table, whose `other` is the second one's image.
        doubtful: pa.Table of report.doubtful_table.
        images: int, m.
        duplicates: int, images that another one stands for; of two stores,
            images of the first that are in the second.
        threshold: float, of the score.
        calibration: calibration.Calibration; None: the threshold was given.
    """

    groups: pa.Table
    doubtful: pa.Table
    images: int
    duplicates: int
    threshold: float
    calibration: calibration.Calibration | None


def dedup(
    store, *, made=None, threshold=None, precision=0.99, seed=0, executor=HERE
):
    """Groups the near-duplicates of a store, and writes its `duplicate`.

    Args:
        store: Store, held by the caller.
        made: (int [p], which live image; float [p, f], vectors of duplicates
            made of it), to choose the threshold by.
        threshold: float, of the score; None: chosen.
        precision: expected share of duplicates among what is found.
        seed: int.
        executor: computes cells, levels and pairs.

    Returns:
        Duplicates.

    Raises:
        InputError: fewer than two images; or as
            duplicates.calibration.calibrate.
    """
    images = store.read(["id", "width", "height", "sharpness", "time"])
    if len(images) < 2:
        images = counted(len(images), "image")
        raise InputError(f"{store.path} has {images}, no pair.")
    whitening, background, own = _scored(store, seed, executor)
    found = _calibrated(own, None, whitening, background, made, precision, seed)
    chosen = found.threshold if threshold is None else threshold
    near = pairs_within(own, chosen - _BELOW, seed=seed, executor=executor)
    groups = leader_groups(near.above(chosen), keep_order(images))
    ids = images["id"].combine_chunks()
    itself = groups.kept == np.arange(len(ids))
    store.replace({"duplicate": ids.take(pa.array(groups.kept, mask=itself))})
    known_images.begin(store, whitening, own, ids, itself, chosen, seed)
    return Duplicates(
        groups=report.groups_table(ids, groups),
        doubtful=report.doubtful_table(ids, near, chosen, _DOUBTFUL),
        images=len(ids),
        duplicates=int((~itself).sum()),
        threshold=float(chosen),
        calibration=None if threshold is not None else found,
    )


def leaked(
    store,
    other,
    *,
    made=None,
    threshold=None,
    precision=0.99,
    seed=0,
    executor=HERE,
):
    """Images of a store that are in another one, too: test images, say.

    Args:
        store: Store.
        other: Store, of the same encoder.
        made: as in `dedup`, of images of `other`.
        threshold, precision, seed, executor: as in `dedup`.

    Returns:
        Duplicates.

    Raises:
        InputError: the stores have vectors of different encoders, or as
            `dedup`.
    """
    if store.current.fingerprint != other.current.fingerprint:
        raise InputError(
            f"{store.path} and {other.path} have vectors of different "
            "encoders: embed both with one."
        )
    ids, others = (s.read(["id"])["id"] for s in (store, other))
    whitening, background, theirs = _scored(other, seed, executor)
    rows = whitened_rows(store.blocks, len(ids), whitening)
    own = scored(rows, background, executor=executor)
    found = _calibrated(
        theirs, own, whitening, background, made, precision, seed
    )
    chosen = found.threshold if threshold is None else threshold
    near = pairs_between(
        own, theirs, chosen - _BELOW, seed=seed, executor=executor
    )
    above = near.above(chosen)
    return Duplicates(
        groups=report.pairs_table(ids, above, others),
        doubtful=report.doubtful_table(ids, near, chosen, _DOUBTFUL, others),
        images=len(ids),
        duplicates=len(np.unique(above.first)),
        threshold=float(chosen),
        calibration=None if threshold is not None else found,
    )


def _scored(store, seed, executor):
    """(Whitening, Background, Scored) of a store's live images."""
    count = store.count()
    rows, _ = sample.draw(store.blocks, count, _FITTED_ON, seed=seed)
    whitening = fit_whitening(rows)
    rows = whitened_rows(store.blocks, count, whitening)
    background = background_of(rows, seed=seed, executor=executor)
    own = scored(rows, background, executor=executor)
    return whitening, background, own


def _calibrated(own, queries, whitening, background, made, precision, seed):
    """A Calibration; None where there are no made duplicates.

    Args:
        own: Scored, of the images that duplicates were made of.
        queries: Scored, whose neighbours in `own` are looked at; None: `own`.
    """
    if made is None:
        return None
    index, vectors = made
    copies = whitening.apply(vectors).astype(np.float16)
    copies = scored(copies, background)
    scores = own.pair_scores(copies, index, np.arange(len(index)))
    seen = calibration.neighbour_scores(
        own if queries is None else queries,
        None if queries is None else own,
        seed=seed,
    )
    return calibration.calibrate(scores, seen, precision)
