"""Several digits in an image: is each still learnt?"""

import functools

from simclr.config import Data
from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FEATURES,
    FULL,
    QUICK,
    Score,
    Study,
    table,
)

NUMBERS = {QUICK: (1, 3, 8), DOCS: (1, 2, 4, 8), FULL: (1, 2, 4, 6, 8)}
_NEAR = 0.05  # Of the supervised net's accuracy.


def words(digits, number, overlap, scale):
    """The images; with --quick all sides are halved."""
    by = 2 if scale == QUICK else 1
    return (
        f"synthetic:multidigits?number={number}&overlap={overlap}"
        f"&side={28 // by}&size={112 // by}&digits={digits}"
    )


def cells(scale, images, seeds):
    def config(method, overlap, number, seed):
        if number == 1 and overlap == "yes":
            return None
        base = bases.digits(
            scale,
            words(images.digits, number, overlap, scale),
            words(images.test_digits, 1, "no", scale),
            seed,
            size=56 if scale == QUICK else 112,
        )
        return base if method == "SimCLR" else bases.by_labels(base)

    return table(
        {
            "method": ["SimCLR", "supervised"],
            "overlap": ["no", "yes"],
            "number": NUMBERS[scale],
            "seed": seeds,
        },
        config,
    )


def scores(cell, images):
    """A probe on images of one digit, whatever was trained."""
    test = cell.config.data.eval_source
    single = Data(
        source=test.replace(
            f"digits={images.test_digits}", f"digits={images.digits}"
        ),
        eval_source=test,
        image_size=cell.config.data.image_size,
    )
    return {"top1": Score(FEATURES, single)}


def verdict(rows):
    """With many digits SimCLR stays near the supervised net."""
    most = max((row["number"] for row in rows), default=0)
    simclr, supervised = (
        verdicts.by_seed(rows, method=method, number=most, overlap="no")
        for method in ("SimCLR", "supervised")
    )
    lead = verdicts.minus(simclr, supervised)
    near = {seed: more + _NEAR for seed, more in lead.items()}
    _, words = verdicts.positive(lead)
    return verdicts.Verdict(
        verdicts.positive(near)[0],
        f"with {most} digits SimCLR over supervised: {words}",
    )


STUDY = Study(
    title="Several digits in an image",
    paper="Chen, Luo, Li 2020, arXiv 2011.02803",
    figure="the section on several objects",
    finding="with several digits in an image SimCLR learns nearly as much of "
    "one as labels do",
    cells=cells,
    scores=scores,
    draw=functools.partial(
        series.draw,
        title="Several digits in an image",
        subtitle="accuracy of a linear probe on images of one digit",
        x="number",
        series=("method", "overlap"),
    ),
    verdict=verdict,
    minutes={QUICK: 15, DOCS: 180, FULL: None},
    deviations="a narrow ResNet; with --quick all sides are halved; the "
    "supervised net is told one digit of each image, drawn anew for each",
)
