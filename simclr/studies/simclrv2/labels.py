"""Few labels: what each way of learning makes of 1, 10 and 100 % of them."""

import functools

from simclr.config import settled
from simclr.pictures import grid as picture
from simclr.studies import bases, verdicts
from simclr.studies.grid import Cell
from simclr.studies.study import (
    CLASSIFIER,
    DOCS,
    FEATURES,
    FULL,
    QUICK,
    Score,
    Study,
    changed,
)

SHARES = (0.01, 0.1, 1.0)
SIMCLR, BARLOW = "linear probe", "Barlow Twins' linear probe"
SUPERVISED = "supervised"
TUNED, DEEPER = "fine-tuned from h", "fine-tuned from layer 1"
DISTILLED, STUDENT = "self-distilled", "small student"
BARLOW_TUNED = "Barlow Twins, fine-tuned"
ROWS = (
    *(SUPERVISED, SIMCLR, TUNED, DEEPER, DISTILLED, STUDENT),
    *(BARLOW, BARLOW_TUNED),
)
_DISTILL_EPOCHS = {QUICK: 15.0, DOCS: 40.0, FULL: 400.0}
_SHORT = {
    SUPERVISED: "supervised",
    TUNED: "tuned",
    DEEPER: "deeper",
    DISTILLED: "distilled",
    STUDENT: "student",
    BARLOW_TUNED: "barlow_tuned",
}


def column(share):
    """Where an encoder's probe on a share of the labels stands in its row."""
    return f"top1_{share:g}"


def cells(scale, images, seeds):
    """For each seed the two encoders, then what is made of them."""
    return {
        name: cell
        for seed in seeds
        for name, cell in _of_seed(scale, images, seed).items()
    }


def _of_seed(scale, images, seed):
    encoders = {SIMCLR: f"simclr-seed_{seed}", BARLOW: f"barlow-seed_{seed}"}
    deep = bases.simclrv2(scale, images, seed)
    starts = {SIMCLR: deep, BARLOW: bases.barlow_twins(scale, images, seed)}
    found = {
        encoders[row]: Cell(settled(config), {"row": row, "seed": seed})
        for row, config in starts.items()
    }
    tuned = functools.partial(bases.finetuned, scale, images, seed=seed)
    for share in SHARES:
        end = f"{share:g}-seed_{seed}"
        deeper = _like(
            tuned(encoders[SIMCLR], share=share, layer=1), starts[SIMCLR]
        )
        rows = {
            SUPERVISED: bases.supervised(scale, images, seed, share),
            TUNED: _like(tuned(encoders[SIMCLR], share=share), deep),
            DEEPER: deeper,
            DISTILLED: distilled(
                scale,
                *(deeper, deep),
                init=encoders[SIMCLR],
                teacher=f"deeper-{end}",
            ),
            STUDENT: distilled(
                scale,
                *(deeper, deep),
                init="",
                teacher=f"distilled-{end}",
                width=0.5,
            ),
            BARLOW_TUNED: _like(
                tuned(encoders[BARLOW], share=share), starts[BARLOW]
            ),
        }
        found |= {
            f"{_SHORT[row]}-{end}": Cell(
                settled(config), {"row": row, "share": share, "seed": seed}
            )
            for row, config in rows.items()
        }
    return found


def _like(config, pretrained):
    """A classifier on the net that was pretrained."""
    return changed(config, model=vars(pretrained.model))


def distilled(scale, config, pretrained, *, init, teacher, width=1.0):
    """A student of a classifier, on all images without labels.

    Args:
        scale: of SCALES.
        config: Config of the teacher.
        pretrained: Config of the encoder, whose batch and rates it takes.
        init: name of the cell to start from; "": from nothing, on h.
        teacher: name of a cell.
        width: of the student, times the teacher's.
    """
    return changed(
        config,
        task="distill",
        init=init,
        epochs=_DISTILL_EPOCHS[scale],
        batch_size=pretrained.batch_size,
        data={"labels": ""},
        model={"width": config.model.width * width},
        classifier={"from_layer": 1 if init else 0},
        distill={"teachers": (teacher,), "cache": True},
        optimizer={
            **vars(pretrained.optimizer),
            "warmup_epochs": _DISTILL_EPOCHS[scale] / 20,
        },
    )


def scores(cell, images):
    """An encoder's probe on each share; a classifier's answers."""
    data, seed = cell.config.data, cell.place["seed"]
    if cell.config.classifies:
        return {"top1": Score(CLASSIFIER, data)}
    return {
        column(share): Score(
            FEATURES,
            changed(
                cell.config,
                data={"labels": images.labels.get((share, seed), "")},
            ).data,
        )
        for share in SHARES
    }


def one_each(rows):
    """The rows with a share each: an encoder's become three."""
    return [row for row in rows if "share" in row] + [
        {**row, "share": share, "top1": row.get(column(share))}
        for row in rows
        if "share" not in row
        for share in SHARES
    ]


def draw(path, *, rows):
    picture.draw(
        path,
        title="What a share of the labels is worth",
        subtitle="top-1, %, by the share of the labels",
        rows=sorted(one_each(rows), key=_place),
        axes=("row", "share"),
    )


def _place(row):
    return ROWS.index(row["row"]), row["share"]


def verdict(rows):
    """At the least share: fine-tuned, and distilled, above supervised."""
    rows = one_each(rows)
    few = SHARES[0]
    return verdicts.all_of(
        *(
            verdicts.higher(
                rows,
                {"row": one, "share": few},
                {"row": other, "share": few},
                (f"with {few:.0%} of the labels {one}", other),
            )
            for one, other in (
                (DEEPER, SUPERVISED),
                (DISTILLED, DEEPER),
                (BARLOW_TUNED, SUPERVISED),
            )
        )
    )


STUDY = Study(
    title="Few labels",
    paper="Chen et al. 2020b, arXiv 2006.10029",
    figure="Tables 1 and 3; SimCLR's Table 7, Barlow Twins' Table 2",
    finding="with few labels, learning without labels first is far better "
    "than labels alone, and distillation adds to it",
    cells=cells,
    scores=scores,
    draw=draw,
    verdict=verdict,
    minutes={QUICK: 18, DOCS: 180, FULL: None},
    shares=SHARES[:-1],
    deviations="one width of each net; a narrow ResNet below full scale",
)
