"""Width and depth of the encoder, with and without labels."""

import functools

from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FULL,
    QUICK,
    Study,
    changed,
    own,
    table,
)

_WIDTHS = {
    QUICK: (0.125, 0.25, 0.5),
    DOCS: (0.125, 0.25, 0.5),
    FULL: (1.0, 2.0, 4.0),
}
_DEPTHS = {QUICK: (10,), DOCS: (10, 18), FULL: (18, 34, 50, 101, 152)}
_METHODS = {"SimCLR": bases.simclr, "supervised": bases.supervised}


def cells(scale, images, seeds):
    def config(method, depth, width, seed):
        base = _METHODS[method](scale, images, seed)
        return changed(base, model={"depth": depth, "width": width})

    return table(
        {
            "method": list(_METHODS),
            "depth": _DEPTHS[scale],
            "width": _WIDTHS[scale],
            "seed": seeds,
        },
        config,
    )


def verdict(rows):
    """SimCLR gains with width, and more than the supervised net does."""
    widths = sorted({row["width"] for row in rows})
    if len(widths) < 2:
        return verdicts.Verdict(None, "not run")
    without, with_labels = (
        verdicts.gains(
            rows,
            {"method": method, "width": widths[-1]},
            {"method": method, "width": widths[0]},
        )
        for method in _METHODS
    )
    return verdicts.all_of(
        verdicts.rises(
            without, f"SimCLR, width {widths[-1]:g} over {widths[0]:g}"
        ),
        verdicts.rises(
            verdicts.minus(without, with_labels),
            "this gain over the supervised net's",
        ),
    )


STUDY = Study(
    title="Width and depth",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Figure 7",
    finding="learning without labels gains more from a larger net than "
    "learning with them",
    cells=cells,
    scores=own,
    draw=functools.partial(
        series.draw,
        title="Width and depth",
        subtitle="linear probe of SimCLR, answers of the supervised net",
        x="width",
        series=("method", "depth"),
    ),
    verdict=verdict,
    minutes={QUICK: 6, DOCS: 180, FULL: None},
    deviations="ResNets of less than a half of the width below full scale",
)
