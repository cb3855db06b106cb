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
_CHANCE = 0.1  # Of ten digits.


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
        # By the other studies' rate the small one is at chance after 4 epochs.
        rate = {"base_lr": 0.4}
        return changed(bases.by_labels(base(size, seed, label)), optimizer=rate)

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
    """Beside a large digit the small one is lost, and labels keep it.

    Of what it has above chance beside one of its size, twice chance or more,
    more than half is lost without labels, and less than half with them; the
    large one has more.
    """
    sizes = sorted({row["size"] for row in rows}) or [0]
    methods = {"SimCLR": {"temperature": 0.2}, "supervised": {"label": SMALL}}
    parts = []
    for method, place in methods.items():
        least, most = (
            verdicts.mean(rows, SMALL, method=method, size=size, **place)
            for size in (sizes[0], sizes[-1])
        )
        if least is None or most is None:
            words = f"the runs of {method} with T 0.2 are not there"
            return verdicts.Verdict(None, words)
        learnt = least > 2 * _CHANCE
        lost = most - _CHANCE < (least - _CHANCE) / 2
        parts.append(
            verdicts.Verdict(
                learnt and lost == (method == "SimCLR"),
                f"{method}: the small digit has {verdicts.percent(least)} "
                f"beside one of {sizes[0]} pixels, {verdicts.percent(most)} "
                f"beside one of {sizes[-1]}",
            )
        )
        if method == "SimCLR":
            large = verdicts.mean(
                rows, LARGE, method=method, size=sizes[-1], **place
            )
            words = f"the large digit has {verdicts.percent(large)} there"
            parts.append(verdicts.Verdict(large > most, words))
    return verdicts.all_of(*parts)


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
    minutes={QUICK: 30, DOCS: 180, FULL: None},
    deviations="a narrow ResNet; with --quick all sides are halved",
)
