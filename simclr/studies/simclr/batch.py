"""Batch size and epochs."""

import functools

from simclr.messages.counts import counted
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

_BATCHES = {
    QUICK: (32, 128, 512),
    DOCS: (32, 64, 128, 256, 512),
    FULL: (256, 512, 1024, 2048, 4096, 8192),
}
_EPOCHS = {QUICK: (1, 4), DOCS: (2, 5, 15), FULL: (100, 200, 400, 800)}


def cells(scale, images, seeds):
    def config(epochs, batch_size, seed):
        base = bases.simclr(scale, images, seed)
        return changed(
            base,
            epochs=float(epochs),
            batch_size=batch_size,
            optimizer={"warmup_epochs": epochs / 10},
        )

    return table(
        {
            "epochs": _EPOCHS[scale],
            "batch_size": _BATCHES[scale],
            "seed": seeds,
        },
        config,
    )


def verdict(rows):
    """A larger batch is better after few epochs, and gains less after many."""
    epochs = sorted({row["epochs"] for row in rows})
    sizes = sorted({row["batch_size"] for row in rows})
    if min(len(epochs), len(sizes)) < 2:
        return verdicts.Verdict(None, "not run")
    few, many = (
        verdicts.gains(
            rows,
            {"epochs": count, "batch_size": sizes[-1]},
            {"epochs": count, "batch_size": sizes[0]},
        )
        for count in (epochs[0], epochs[-1])
    )
    after = counted(epochs[0], "epoch"), counted(epochs[-1], "epoch")
    return verdicts.all_of(
        verdicts.rises(
            few, f"batch {sizes[-1]} over {sizes[0]} after {after[0]}"
        ),
        verdicts.rises(
            verdicts.minus(few, many), f"this gain over that after {after[1]}"
        ),
    )


STUDY = Study(
    title="Batch size and epochs",
    paper="Chen et al. 2020, arXiv 2002.05709",
    figure="Figure 9, Table B.1",
    finding="larger batches are better when training is short; longer training "
    "closes the gap",
    cells=cells,
    scores=probe,
    draw=functools.partial(
        series.draw,
        title="Batch size and epochs",
        subtitle="linear probe, learning rate by the square root of the batch",
        x="batch_size",
        series=("epochs",),
    ),
    verdict=verdict,
    minutes={QUICK: 15, DOCS: 180, FULL: None},
    deviations="a narrow ResNet, SGD and small batches below full scale",
)
