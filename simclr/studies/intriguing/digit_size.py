"""Two digits: the larger one grows, and the small one is no longer learnt."""

import functools

from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    CLASSIFIER,
    DOCS,
    FEATURES,
    FULL,
    QUICK,
    Score,
    Study,
    changed,
    table,
)

SMALL, LARGE = "small", "large"
SIZES = {
    QUICK: (20, 50, 80),
    DOCS: (20, 40, 50, 60, 80),
    FULL: (20, 30, 40, 50, 60, 70, 80),
}
TEMPERATURES = (0.05, 0.2)
_TOLD = 0.3  # How far the small digit's accuracy must fall.


def words(digits, size, label, scale):
    """The images; with --quick all sides are halved."""
    by = 2 if scale == QUICK else 1
    return (
        f"synthetic:digit_size?small={20 // by}&large={size // by}"
        f"&size={112 // by}&label={label}&digits={digits}"
    )


def cells(scale, images, seeds):
    def base(size, seed, label, **more):
        return bases.digits(
            scale,
            words(images.digits, size, label, scale),
            words(images.test_digits, size, label, scale),
            seed,
            size=56 if scale == QUICK else 112,
            **more,
        )

    def contrastive(method, temperature, size, seed):
        return base(size, seed, SMALL, temperature=temperature)

    def supervised(method, label, size, seed):
        return bases.by_labels(base(size, seed, label))

    last = {"size": SIZES[scale], "seed": seeds}
    return table(
        {"method": ["SimCLR"], "temperature": TEMPERATURES, **last}, contrastive
    ) | table(
        {"method": ["supervised"], "label": [SMALL, LARGE], **last}, supervised
    )


def scores(cell, images):
    """Of each digit; of a classifier its own alone."""
    del images
    data, label = cell.config.data, cell.place.get("label")
    if label:
        return {label: Score(CLASSIFIER, data)}
    other = {
        key: getattr(data, key).replace(f"label={SMALL}", f"label={LARGE}")
        for key in ("source", "eval_source")
    }
    other = changed(cell.config, data=other).data
    return {SMALL: Score(FEATURES, data), LARGE: Score(FEATURES, other)}


def verdict(rows):
    """The small digit is lost beside a large one, the large one is not."""
    place = {"temperature": 0.2, "method": "SimCLR"}
    sizes = sorted({row["size"] for row in rows}) or [0]
    beside = [
        verdicts.mean(rows, SMALL, size=size, **place)
        for size in (sizes[0], sizes[-1])
    ]
    large = verdicts.mean(rows, LARGE, size=sizes[-1], **place)
    if None in (*beside, large):
        return verdicts.Verdict(None, "the runs at T 0.2 are not there")
    return verdicts.Verdict(
        beside[0] - beside[1] > _TOLD and large > beside[1] + _TOLD,
        f"at T 0.2 the small digit has {verdicts.percent(beside[0])} beside "
        f"one of {sizes[0]} pixels and {verdicts.percent(beside[1])} beside "
        f"one of {sizes[-1]}, which has {verdicts.percent(large)}",
    )


STUDY = Study(
    title="Two digits, one of which grows",
    paper="Chen, Luo, Li 2020, arXiv 2011.02803",
    figure="the section on feature suppression",
    finding="from about 50 pixels on, the larger digit is learnt and the small "
    "one is not, sooner at a larger temperature; labels learn both",
    cells=cells,
    scores=scores,
    draw=functools.partial(
        series.draw,
        title="Two digits, one of which grows",
        subtitle="accuracy of the digit of 20 pixels (solid) and of the other, "
        "by the other's size",
        x="size",
        series=("method", "temperature"),
        values=(SMALL, LARGE),
    ),
    verdict=verdict,
    minutes={QUICK: 20, DOCS: 180, FULL: None},
    deviations="a narrow ResNet; with --quick all sides are halved",
)
