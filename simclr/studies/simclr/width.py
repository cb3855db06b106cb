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
    gains = {}
    for method in _METHODS:
        narrow, wide = (
            verdicts.mean(rows, method=method, width=width)
            for width in ((widths[0], widths[-1]) if widths else (0, 0))
        )
        if narrow is None or wide is None:
            return verdicts.Verdict(None, f"{method} is not scored")
        gains[method] = wide - narrow
    words = ", ".join(f"{m} {100 * g:+.1f} points" for m, g in gains.items())
    return verdicts.Verdict(
        gains["SimCLR"] > max(0, gains["supervised"]),
        f"from width {widths[0]:g} to {widths[-1]:g}: {words}",
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
    minutes={QUICK: 15, DOCS: 180, FULL: None},
    deviations="ResNets of less than a half of the width below full scale",
)
