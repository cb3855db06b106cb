"""Which augmentations, alone and in pairs, on one of the two views."""

from simclr.config import Augment, Op
from simclr.pictures import grid as picture
from simclr.studies import bases, verdicts
from simclr.studies.study import (
    DOCS,
    FULL,
    QUICK,
    Study,
    Verdict,
    changed,
    probe,
    table,
)

# An augmentation of the figure, and the operations that it is.
AUGMENTATIONS = {
    "crop": ("crop",),
    "cutout": ("cutout",),
    "colour": ("jitter", "gray"),
    "Sobel": ("sobel",),
    "noise": ("noise",),
    "blur": ("blur",),
    "rotate": ("rotate",),
}
_TRIED = {
    QUICK: ("crop", "cutout", "colour", "blur", "rotate"),
    DOCS: tuple(AUGMENTATIONS),
    FULL: tuple(AUGMENTATIONS),
}


def augment(first, second, area):
    """One augmentation or two on the first view alone, config.Augment.

    The paper crops both views at first, because ImageNet's photos have many
    shapes. Here a crop is of both views where it is one of the two, and else
    both are the whole image.

    Args:
        first, second: of AUGMENTATIONS; alike for one alone.
        area: of the crop.
    """
    names = dict.fromkeys((first, second))
    crop = (Op("crop", area=area),) if "crop" in names else ()
    rest = [Op(x) for n in names if n != "crop" for x in AUGMENTATIONS[n]]
    return Augment(view1=(*crop, *rest), view2=crop)


def cells(scale, images, seeds):
    """Pairs in both orders at full scale; elsewhere in one."""
    tried = _TRIED[scale]

    def config(first, second, seed):
        places = tried.index(first), tried.index(second)
        if (scale != FULL or "crop" in (first, second)) and places[1] < places[
            0
        ]:
            return None  # A crop comes first in either order.
        base = bases.simclr(scale, images, seed)
        area = base.augment.crop_area
        return changed(base, augment=augment(first, second, area))

    return table({"first": tried, "second": tried, "seed": seeds}, config)


def mirrored(rows):
    """The rows, and those of pairs that were run in one order, in the other."""
    known = {(row["first"], row["second"]) for row in rows}
    return rows + [
        {**row, "first": row["second"], "second": row["first"]}
        for row in rows
        if (row["second"], row["first"]) not in known
    ]


def draw(path, *, rows):
    rows = mirrored(rows)
    order = [
        name for name in AUGMENTATIONS if any(r["first"] == name for r in rows)
    ]
    picture.draw(
        path,
        title="Augmentations of one view",
        subtitle="linear probe, %: one alone on the diagonal, pairs off it",
        rows=sorted(
            rows,
            key=lambda r: (order.index(r["first"]), order.index(r["second"])),
        ),
        axes=("first", "second"),
    )


def verdict(rows):
    """Crop with colour is best, and better than either alone."""
    rows = mirrored(rows)
    means = {
        (first, second): verdicts.mean(rows, first=first, second=second)
        for first in AUGMENTATIONS
        for second in AUGMENTATIONS
    }
    means = {
        place: value for place, value in means.items() if value is not None
    }
    if not means.keys() >= {("crop", "colour"), ("crop", "crop")}:
        return Verdict(None, "crop and colour are not scored")
    others = {p: m for p, m in means.items() if set(p) != {"crop", "colour"}}
    best = max(others, key=others.get)
    alone = max((p for p in means if p[0] == p[1]), key=means.get)
    pair = {"first": "crop", "second": "colour"}
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                pair,
                dict(zip(("first", "second"), other)),
                ("crop with colour", words),
            )
            for other, words in {  # One where the best of all is alone.
                best: f"the next best, {' with '.join(best)},",
                alone: f"{alone[0]}, the best alone,",
            }.items()
        )
    )


STUDY = Study(
    title="Augmentations, alone and in pairs",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Figure 5",
    finding="crop with colour is best by far, and none suffices alone",
    cells=cells,
    scores=probe,
    draw=draw,
    verdict=verdict,
    minutes={QUICK: 20, DOCS: 180, FULL: None},
    deviations="without crop a view is the whole image; below full scale a "
    "narrow ResNet and pairs in one order",
)
