"""How strong the colour jitter is, with and without labels."""

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

STRENGTHS = (0.125, 0.25, 0.5, 1.0)
_ACCURACIES = {
    "SimCLR": (0.596, 0.610, 0.626, 0.632),
    "supervised": (0.770, 0.767, 0.765, 0.757),
}
PUBLISHED = {
    (method, strength): accuracy
    for method, accuracies in _ACCURACIES.items()
    for strength, accuracy in zip(STRENGTHS, accuracies)
}


def cells(scale, images, seeds):
    def config(method, strength, seed):
        augment = {"color_strength": strength, "blur_probs": (0.0, 0.0)}
        if method == "SimCLR":
            return changed(bases.simclr(scale, images, seed), augment=augment)
        jitter = {"jitter_prob": 0.8, "gray_prob": 0.2}
        base = bases.supervised(scale, images, seed)
        return changed(base, augment=augment | jitter)

    return table(
        {
            "method": ["SimCLR", "supervised"],
            "strength": STRENGTHS,
            "seed": seeds,
        },
        config,
    )


def verdict(rows):
    """Strong jitter helps SimCLR and harms the supervised net."""
    weak, strong = {"strength": STRENGTHS[0]}, {"strength": STRENGTHS[-1]}
    names = (f"strength {STRENGTHS[-1]:g}", f"{STRENGTHS[0]:g}")
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                {"method": method, **one},
                {"method": method, **other},
                (f"{method} at {words[0]}", f"at {words[1]}"),
            )
            for method, one, other, words in (
                ("SimCLR", strong, weak, names),
                ("supervised", weak, strong, names[::-1]),
            )
        )
    )


STUDY = Study(
    title="Strength of the colour jitter",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Table 1",
    finding="strong colour jitter helps learning without labels and harms "
    "learning with them",
    cells=cells,
    scores=own,
    draw=functools.partial(
        series.draw,
        title="Strength of the colour jitter",
        subtitle="linear probe of SimCLR, answers of the supervised net",
        x="strength",
        series=("method",),
    ),
    verdict=verdict,
    published=lambda row: PUBLISHED.get((row["method"], row["strength"])),
    minutes={QUICK: 6, DOCS: 120, FULL: None},
    deviations="a narrow ResNet below full scale; the package's sample is "
    "grey, which leaves brightness and contrast: --images brings colours",
)
