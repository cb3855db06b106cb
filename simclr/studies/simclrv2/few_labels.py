"""Few labels: from which layer to fine-tune, and how wide a net."""

from simclr.config import settled
from simclr.pictures import series
from simclr.studies import bases, verdicts
from simclr.studies.grid import Cell
from simclr.studies.study import (
    DOCS,
    FULL,
    QUICK,
    Study,
    changed,
    own,
    table,
)

SHARES, LAYERS = (0.01, 0.1), (0, 1, 2)
# Of the encoders: after fewer the wide one is far from its end.
_EPOCHS = {QUICK: 10.0, DOCS: 15.0}
_WIDTHS = {QUICK: (0.125, 0.5), DOCS: (0.125, 0.25, 0.5), FULL: (1.0, 2.0)}


def cells(scale, images, seeds):
    def encoder(width, seed):
        config = changed(
            bases.simclrv2(scale, images, seed), model={"width": width}
        )
        if scale == FULL:
            return config
        return changed(
            config,
            epochs=_EPOCHS[scale],
            optimizer={"warmup_epochs": _EPOCHS[scale] / 10},
        )

    def name(width, seed):
        return f"encoder-width_{width}-seed_{seed}"

    def tuned(share, layer, width, seed):
        config = bases.finetuned(
            scale,
            images,
            name(width, seed),
            share=share,
            seed=seed,
            layer=layer,
        )
        return changed(config, model=vars(encoder(width, seed).model))

    encoders = {
        name(width, seed): Cell(
            settled(encoder(width, seed)), {"width": width, "seed": seed}
        )
        for width in _WIDTHS[scale]
        for seed in seeds
    }
    return encoders | table(
        {
            "share": SHARES,
            "layer": LAYERS,
            "width": _WIDTHS[scale],
            "seed": seeds,
        },
        tuned,
    )


def draw(path, *, rows):
    series.draw(
        path,
        title="Fine-tuning with few labels",
        subtitle="top-1, by the layer of the head that the classifier sits on",
        rows=[row for row in rows if "share" in row],
        x="layer",
        series=("width", "share"),
    )


def verdict(rows):
    """With 1 % a layer of the head helps; width helps where labels lack."""
    widths = sorted({row["width"] for row in rows})
    if not widths:
        return verdicts.Verdict(None, "not run")
    few, more = SHARES
    layer = verdicts.higher(
        rows,
        {"share": few, "layer": 1, "width": widths[-1]},
        {"share": few, "layer": 0, "width": widths[-1]},
        (f"with {few:.0%} of the labels from layer 1", "from layer 0"),
    )
    with_few, with_more = (
        verdicts.gains(
            rows,
            {"share": share, "layer": 1, "width": widths[-1]},
            {"share": share, "layer": 1, "width": widths[0]},
        )
        for share in (few, more)
    )
    return verdicts.all_of(
        layer,
        verdicts.rises(
            with_few,
            f"width {widths[-1]:g} over {widths[0]:g} with {few:.0%}",
        ),
        verdicts.rises(
            verdicts.minus(with_few, with_more),
            f"this gain over that with {more:.0%}",
        ),
    )


STUDY = Study(
    title="Fine-tuning with few labels",
    paper="Chen et al. 2020b, arXiv 2006.10029",
    figure="the section on its experiments",
    finding="the fewer the labels, the more a wider net gains, and the better "
    "it is to fine-tune from a layer of the projection head",
    cells=cells,
    scores=own,
    draw=draw,
    verdict=verdict,
    minutes={QUICK: 12, DOCS: 120, FULL: None},
    shares=SHARES,
    deviations="narrow ResNets of one depth below full scale",
)
