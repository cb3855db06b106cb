"""Augmentations taken away one after another: SimCLR and Barlow Twins."""

import functools

from simclr.config import Augment, Op
from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FULL,
    QUICK,
    Study,
    Verdict,
    changed,
    probe,
    table,
)

# Barlow Twins' order: each row lacks what the rows before it lack, too.
REMOVED = {
    "nothing": {},
    "gray": {"gray_prob": 0.0},
    "jitter": {"jitter_prob": 0.0},
    "blur": {"blur_probs": (0.0, 0.0), "solarize_probs": (0.0, 0.0)},
}
LAST = "all but crop"
_METHODS = {"SimCLR": bases.simclr, "Barlow Twins": bases.barlow_twins}


def augment(whole, removed):
    """What is left of augmentations, config.Augment.

    Args:
        whole: config.Augment.
        removed: of REMOVED, or LAST.
    """
    if removed == LAST:
        crop = (Op("crop", area=whole.crop_area),)
        return Augment(view1=crop, view2=crop)
    names = list(REMOVED)
    kept = {key: getattr(whole, key) for key in vars(whole)}
    for name in names[: names.index(removed) + 1]:
        kept |= REMOVED[name]
    return Augment(**kept)


def cells(scale, images, seeds):
    def config(method, removed, seed):
        base = _METHODS[method](scale, images, seed)
        if scale != FULL:  # Blur is one of those that are taken away.
            base = changed(base, augment={"blur_probs": (0.5, 0.5)})
        return changed(base, augment=augment(base.augment, removed))

    axes = {"method": list(_METHODS), "removed": [*REMOVED, LAST]}
    return table({**axes, "seed": seeds}, config)


def verdict(rows):
    """Both fall from all augmentations to crops alone."""
    if not rows:
        return Verdict(None, "not run")
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                {"method": method, "removed": "nothing"},
                {"method": method, "removed": LAST},
                (f"{method} with all", "with crops alone"),
            )
            for method in _METHODS
        )
    )


STUDY = Study(
    title="Augmentations taken away",
    paper="Zbontar et al. 2021, arXiv 2103.03230",
    figure="Figure 3",
    finding="accuracy falls as augmentations are taken away, for Barlow Twins "
    "as for SimCLR",
    cells=cells,
    scores=probe,
    draw=functools.partial(
        series.draw,
        title="Augmentations taken away",
        subtitle="linear probe, by what is missing, with all to its left",
        x="removed",
        series=("method",),
    ),
    verdict=verdict,
    minutes={QUICK: 10, DOCS: 120, FULL: None},
    deviations="a narrow ResNet and a projector of 512 below full scale",
)
