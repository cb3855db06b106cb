"""The temperature of NT-Xent, and what normalization has to do with it."""

import functools

from simclr.pictures import series
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

NORMALIZED, PLAIN = (0.05, 0.1, 0.2, 0.5, 1.0), (10.0, 100.0)
COSINE, PRODUCT = "cosine", "product"
PUBLISHED = {
    (COSINE, 0.05): 0.597,
    (COSINE, 0.1): 0.644,
    (COSINE, 0.5): 0.607,
    (COSINE, 1.0): 0.580,
    (PRODUCT, 10.0): 0.572,
    (PRODUCT, 100.0): 0.570,
}


def cells(scale, images, seeds):
    def config(similarity, temperature, seed):
        return changed(
            bases.simclr(scale, images, seed),
            loss={
                "temperature": temperature,
                "normalize": similarity == COSINE,
            },
        )

    last = {"seed": seeds}
    return table(
        {"similarity": [COSINE], "temperature": NORMALIZED, **last}, config
    ) | table({"similarity": [PRODUCT], "temperature": PLAIN, **last}, config)


def verdict(rows):
    """A small temperature, not the least, is best; with normalization."""
    means = {
        (similarity, temperature): verdicts.mean(
            rows, similarity=similarity, temperature=temperature
        )
        for similarity, temperatures in ((COSINE, NORMALIZED), (PRODUCT, PLAIN))
        for temperature in temperatures
    }
    means = {place: mean for place, mean in means.items() if mean is not None}
    cosines = [place for place in means if place[0] == COSINE]
    products = [place for place in means if place[0] == PRODUCT]
    if not cosines or not products:
        return verdicts.Verdict(None, "not run")
    best, other = max(cosines, key=means.get), max(products, key=means.get)
    rivals = [(COSINE, NORMALIZED[0]), (COSINE, NORMALIZED[-1]), other]
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                dict(zip(("similarity", "temperature"), best)),
                dict(zip(("similarity", "temperature"), rival)),
                (f"T {best[1]:g}", f"{rival[0]} at T {rival[1]:g}"),
            )
            for rival in rivals
        )
    )


STUDY = Study(
    title="Temperature and normalization",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Table 5",
    finding="a temperature between the least and the largest is best, and "
    "cosines beat products of vectors of any length",
    cells=cells,
    scores=probe,
    draw=functools.partial(
        series.draw,
        title="Temperature and normalization",
        subtitle="linear probe, by the temperature of NT-Xent",
        x="temperature",
        series=("similarity",),
    ),
    verdict=verdict,
    published=lambda row: PUBLISHED.get(
        (row["similarity"], row["temperature"])
    ),
    minutes={QUICK: 5, DOCS: 90, FULL: None},
    deviations="a narrow ResNet below full scale",
)
