"""Barlow Twins: batch, projector, lambda, and each term left out."""

import functools

from simclr.pictures import bars
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FULL,
    QUICK,
    Study,
    changed,
    probe,
    table,
)

# The second term alone: a lambda beside which the first is nothing, and the
# loss back at its size.
_ALONE = 1e6
_BATCHES = {
    QUICK: (32, 512),
    DOCS: (32, 64, 128, 512),
    FULL: (128, 256, 512, 1024, 4096),
}
_DIMS = {
    QUICK: (32, 128),
    DOCS: (32, 128, 1024),
    FULL: (16, 64, 256, 1024, 4096, 16384),
}
_LAMBDAS = {
    QUICK: (0.02,),
    DOCS: (0.002, 0.01, 0.02),
    FULL: (0.002, 0.01, 0.02),
}
BASELINE = "as published"
FIRST, SECOND = "invariance term alone", "redundancy term alone"
UNIT, BARE = "unit vectors", "no batch norm in the projector"
NO_VARIANCE = "nor variances in the loss"
CROSS_ENTROPY = "cross-entropy with temperature"
# The paper's, of 300 epochs, by the row of the figure.
PUBLISHED = {
    BASELINE: 0.714,
    FIRST: 0.573,
    SECOND: 0.001,
    UNIT: 0.698,
    BARE: 0.712,
    NO_VARIANCE: 0.534,
    CROSS_ENTROPY: 0.633,
    "batch 128": 0.697,
    "batch 256": 0.707,
    "batch 512": 0.714,
    "batch 1024": 0.717,
    "batch 4096": 0.707,
}


def variants(scale):
    """dict of a row of the figure -> what it changes, as for `changed`."""
    trade_off, bare = 0.0051, {"head_hidden_norm": False}
    return {
        BASELINE: {},
        FIRST: {"loss": {"trade_off": 0.0}},
        SECOND: {"loss": {"trade_off": _ALONE, "weight": trade_off / _ALONE}},
        UNIT: {"loss": {"scaled": "features"}},
        BARE: {"model": bare},
        NO_VARIANCE: {"model": bare, "loss": {"scaled": "none"}},
        CROSS_ENTROPY: {"loss": {"name": "nt_xent", "temperature": 0.1}},
        **{f"batch {n}": {"batch_size": n} for n in _BATCHES[scale]},
        **{
            f"projector of {n} dimensions": {"model": {"head_dim": n}}
            for n in _DIMS[scale]
        },
        **{
            f"lambda {x:g}": {"loss": {"trade_off": x}} for x in _LAMBDAS[scale]
        },
    }


def cells(scale, images, seeds):
    changes = variants(scale)

    def config(what, seed):
        base = bases.barlow_twins(scale, images, seed)
        weight = base.loss.weight
        config = changed(base, **changes[what])
        if what == SECOND:  # Beside the base's own weight.
            return changed(config, loss={"weight": weight * config.loss.weight})
        return config

    return table({"what": list(changes), "seed": seeds}, config)


def verdict(rows):
    """Neither term suffices."""
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows, {"what": BASELINE}, {"what": what}, ("both terms", what)
            )
            for what in (FIRST, SECOND)
        )
    )


STUDY = Study(
    title="Barlow Twins, varied",
    paper="Zbontar et al. 2021, arXiv 2103.03230",
    figure="Table 5, Figures 2 and 4",
    finding="neither term suffices alone, small batches do, and a wider "
    "projector is better",
    cells=cells,
    scores=probe,
    draw=functools.partial(
        bars.draw,
        title="Barlow Twins, varied",
        subtitle="linear probe; the line is from the least to the most of the "
        "seeds",
        kind=("what",),
    ),
    verdict=verdict,
    published=lambda row: PUBLISHED.get(row["what"]),
    minutes={QUICK: 12, DOCS: 150, FULL: None},
    deviations="a narrow ResNet and a projector of 512 below full scale",
)
