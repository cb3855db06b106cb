"""A digit over a photo: the more digits there are, the more they count."""

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

DIGIT, IMAGE = "digit", "image"
UNIQUE = {
    QUICK: (4, 64, 4096),
    DOCS: (4, 64, 512, 4096),
    FULL: (4, 16, 64, 256, 1024, 4096, 16384),
}
TEMPERATURES = {QUICK: (0.2,), DOCS: (0.05, 0.2), FULL: (0.05, 0.1, 0.2)}
_SIZE = {QUICK: 64, DOCS: 112, FULL: 224}
_SIDE = {QUICK: 16, DOCS: 28, FULL: 28}


def words(digits, photos, unique, label, scale):
    """The images: N unique digits, 0: all, over photos."""
    return (
        f"synthetic:digit_on_image?unique={unique}&label={label}"
        f"&size={_SIZE[scale]}&side={_SIDE[scale]}"
        f"&digits={digits}&images={photos}"
    )


def cells(scale, images, seeds):
    def base(unique, seed, **more):
        return bases.digits(
            scale,
            words(images.digits, images.train, unique, IMAGE, scale),
            words(images.test_digits, images.test, 0, IMAGE, scale),
            seed,
            size=_SIZE[scale],
            **more,
        )

    def contrastive(method, temperature, unique, seed):
        return base(unique, seed, temperature=temperature)

    def supervised(method, unique, seed):
        return bases.by_labels(base(unique, seed))

    last = {"unique": UNIQUE[scale], "seed": seeds}
    return table(
        {"method": ["SimCLR"], "temperature": TEMPERATURES[scale], **last},
        contrastive,
    ) | table({"method": ["supervised"], **last}, supervised)


def scores(cell, images):
    """Probes of both classes, on images with any digit; labels' own answer."""
    data = cell.config.data
    if cell.config.classifies:
        return {IMAGE: Score(CLASSIFIER, data)}
    unique = cell.place["unique"]
    found = {}
    for label in (IMAGE, DIGIT):
        source, test = (
            text.replace(f"label={IMAGE}", f"label={label}")
            for text in (data.source, data.eval_source)
        )
        source = source.replace(f"unique={unique}&", "unique=0&")
        of = changed(cell.config, data={"source": source, "eval_source": test})
        found[label] = Score(FEATURES, of.data)
    return found


def verdict(rows):
    """With many unique digits the digit is learnt, and the image less."""
    unique = sorted({row["unique"] for row in rows})
    if len(unique) < 2:
        return verdicts.Verdict(None, "not run")
    least, most = unique[0], unique[-1]
    place = {"method": "SimCLR"}
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                {"unique": one, **place},
                {"unique": other, **place},
                (f"{label} at {one} unique digits", f"at {other}"),
                value=label,
            )
            for label, one, other in (
                (DIGIT, most, least),
                (IMAGE, least, most),
            )
        )
    )


STUDY = Study(
    title="A digit over a photo",
    paper="Chen, Luo, Li 2020, arXiv 2011.02803",
    figure="the section on feature suppression; Figure 4b is the images",
    finding="the more unique digits, the better the digit is learnt and the "
    "worse the image; labels do not care",
    cells=cells,
    scores=scores,
    draw=functools.partial(
        series.draw,
        title="A digit over a photo",
        subtitle="accuracy of the image's class (solid) and of the digit's, by "
        "the number of unique digits",
        x="unique",
        series=("method", "temperature"),
        values=(IMAGE, DIGIT),
    ),
    verdict=verdict,
    minutes={QUICK: 22, DOCS: 180, FULL: None},
    deviations="a narrow ResNet; a probe's images have any digit, whatever "
    "the run had; with --quick sides of 64 and 16 pixels",
)
