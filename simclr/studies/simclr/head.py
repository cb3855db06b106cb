"""The projection head: its layers, its dimensions, before it and after it."""

import functools

from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FEATURES,
    FULL,
    PROJECTION,
    QUICK,
    Score,
    Study,
    changed,
    table,
)

HEADS = {"none": 0, "linear": 1, "nonlinear": 2}
_DIMS = {
    QUICK: (32, 256),
    DOCS: (32, 128, 512),
    FULL: (32, 64, 128, 256, 512, 1024, 2048),
}


def cells(scale, images, seeds):
    """Without a head there is one run, for z is then h."""

    def config(head, dim, seed):
        if head == "none" and dim != _DIMS[scale][0]:
            return None
        return changed(
            bases.simclr(scale, images, seed),
            model={"head_layers": HEADS[head], "head_dim": dim},
        )

    axes = {"head": list(HEADS), "dim": _DIMS[scale], "seed": seeds}
    return table(axes, config)


def scores(cell, images):
    del images
    data = cell.config.data
    return {"h": Score(FEATURES, data), "z": Score(PROJECTION, data)}


def verdict(rows):
    """Nonlinear above linear above none; h above z."""
    heads = {name: {"head": name} for name in HEADS}
    pairs = (("nonlinear", "linear"), ("linear", "none"))
    found = [
        verdicts.higher(rows, heads[one], heads[other], (one, other), value="h")
        for one, other in pairs
    ]
    nonlinear = [row for row in rows if row.get("head") == "nonlinear"]
    h, z = (verdicts.by_seed(nonlinear, key) for key in "hz")
    above = verdicts.rises(verdicts.minus(h, z), "h over z")
    return verdicts.all_of(*found, above)


STUDY = Study(
    title="The projection head",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Figure 8",
    finding="a nonlinear head beats a linear one, and a linear one beats none, "
    "whatever the dimensions; the layer before it is better than the one "
    "after it",
    cells=cells,
    scores=scores,
    draw=functools.partial(
        series.draw,
        title="The projection head",
        subtitle="linear probe on h, before the head (solid), and on z, after",
        x="dim",
        series=("head",),
        values=("h", "z"),
    ),
    verdict=verdict,
    minutes={QUICK: 4, DOCS: 90, FULL: None},
    deviations="a narrow ResNet below full scale",
)
