"""The generalized losses: with deeper heads they meet."""

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

LAYERS = (1, 2, 3)
# The published temperatures and trade-offs, for CIFAR-10.
LOSSES = {
    "nt_xent": {"temperature": 0.2},
    "decoupled_nt_xent": {"temperature": 1.0, "trade_off": 0.1},
    "swd_hypersphere": {"trade_off": 5.0},
    "swd_hypercube": {"trade_off": 5.0},
    "swd_normal": {"trade_off": 5.0},
}
_LOSSES = {
    QUICK: ("nt_xent", "decoupled_nt_xent", "swd_hypersphere"),
    DOCS: tuple(LOSSES),
    FULL: tuple(LOSSES),
}
_BATCHES = {QUICK: (128,), DOCS: (128, 256), FULL: (512, 1024, 2048)}


def cells(scale, images, seeds):
    def config(loss, batch_size, head_layers, seed):
        return changed(
            bases.simclr(scale, images, seed),
            batch_size=batch_size,
            loss={"name": loss, **LOSSES[loss]},
            model={"head_layers": head_layers, "head_dim": 64},
        )

    return table(
        {
            "loss": _LOSSES[scale],
            "batch_size": _BATCHES[scale],
            "head_layers": LAYERS,
            "seed": seeds,
        },
        config,
    )


def verdict(rows):
    """The losses' means differ less with three layers than with one."""
    ranges = []
    for layers in (LAYERS[0], LAYERS[-1]):
        losses = [
            verdicts.by_seed(rows, loss=loss, head_layers=layers)
            for loss in dict.fromkeys(row["loss"] for row in rows)
        ]
        if {} in losses or len(losses) < 2:
            return verdicts.Verdict(None, "not every loss is scored")
        seeds = set.intersection(*map(set, losses))
        found = {s: [loss[s] for loss in losses] for s in sorted(seeds)}
        ranges.append({s: max(x) - min(x) for s, x in found.items()})
    return verdicts.rises(
        verdicts.minus(*ranges),
        f"best and worst loss lie further apart with {LAYERS[0]} layer than "
        f"with {LAYERS[-1]}",
    )


STUDY = Study(
    title="Generalized contrastive losses by the head's layers",
    paper="Chen, Luo, Li 2020, arXiv 2011.02803",
    figure="the section on generalized losses",
    finding="with projection heads of two and three layers the losses meet",
    cells=cells,
    scores=probe,
    draw=functools.partial(
        series.draw,
        title="Generalized contrastive losses",
        subtitle="linear probe, by the layers of the projection head",
        x="head_layers",
        series=("loss", "batch_size"),
    ),
    verdict=verdict,
    minutes={QUICK: 6, DOCS: 180, FULL: None},
    deviations="a narrow ResNet and few epochs below full scale",
)
