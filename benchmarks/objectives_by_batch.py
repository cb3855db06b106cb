"""Objectives side by side at four batch sizes, one cell a run.

    python benchmarks/objectives_by_batch.py --data=cifar10/train \
        --eval_data=cifar10/test --workdir=runs/objectives

Every cell pretrains the encoder of configs/cifar10_resnet18_cpu.py for the
same number of images and scores it with kNN and a linear probe. Batches of
1,024 pass the nets 256 at a time (gradient caching), as on a device too small
for them. Cells that are done are kept: run it again after a stop. It ends with
the cells (cells.json), their table (table.md) and a picture in the form of the
Barlow Twins paper's Figure 2 (cells.png). The cells of the docs are
docs/objectives.json; they are drawn again without a run by

    python benchmarks/objectives_by_batch.py --draw=docs/objectives.json
"""

import argparse
import json
import os
import subprocess
import sys

from simclr.pictures import series
from simclr.runs import metrics

RECIPE = os.path.join(
    os.path.dirname(__file__), "..", "configs", "cifar10_resnet18_cpu.py"
)
BATCHES = (64, 128, 256, 1024)
AT_A_TIME = 256
OBJECTIVES = {
    "SimCLR": (),
    "SimCLR + queue": ("negatives.size=4096", "negatives.momentum=0.99"),
    "decoupled": ("loss.name=decoupled_nt_xent",),
    "sliced Wasserstein": ("loss.name=swd_hypersphere",),
    "Barlow Twins": (
        "loss.name=barlow_twins",
        "model.joint_views=False",
        "model.head_layers=3",
        "model.head_hidden=1024",
        "model.head_dim=1024",
        "model.head_norm=False",
        # Its loss is a sum over d^2 entries; of 0.0015, 0.005 and 0.02 the best
        # after two epochs.
        "optimizer.base_lr=0.005",
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--eval_data")
    parser.add_argument("--workdir")
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--objective", nargs="*", default=list(OBJECTIVES))
    parser.add_argument("--batch", nargs="*", type=int, default=BATCHES)
    parser.add_argument(
        "--set", nargs="*", default=[], help="settings of every cell"
    )
    parser.add_argument("--draw", help="cells.json, to draw without a run")
    arguments = parser.parse_args()
    if arguments.draw:
        with open(arguments.draw) as file:
            cells = json.load(file)
        draw(os.path.splitext(arguments.draw)[0] + ".png", cells)
        return
    if not (arguments.data and arguments.eval_data and arguments.workdir):
        parser.error("give --data, --eval_data and --workdir, or --draw")
    cells = []
    for batch in arguments.batch:
        for objective in arguments.objective:
            run(arguments, objective, batch)
            workdir = folder(arguments, objective, batch)
            place = {"objective": objective, "batch": batch}
            cells.append(place | score(workdir))
    with open(os.path.join(arguments.workdir, "cells.json"), "w") as file:
        json.dump(cells, file, indent=1)
    with open(os.path.join(arguments.workdir, "table.md"), "w") as file:
        file.write(table(cells))
    print(table(cells))
    draw(os.path.join(arguments.workdir, "cells.png"), cells)


def folder(arguments, objective, batch):
    """Run folder of a cell."""
    name = objective.lower().replace(" + ", "_").replace(" ", "_")
    return os.path.join(arguments.workdir, f"{name}_{batch}")


def run(arguments, objective, batch):
    """Pretrains and scores a cell, or what is left of that to do."""
    workdir = folder(arguments, objective, batch)
    if os.path.exists(os.path.join(workdir, "results.json")):
        return
    settings = [
        f"epochs={arguments.epochs:g}",
        f"batch_size={batch}",
        "train.eval_epochs=0",
        *OBJECTIVES[objective],
        *arguments.set,
    ]
    if batch > AT_A_TIME:
        settings.append(f"train.microbatch={AT_A_TIME}")
    simclr(
        "pretrain",
        f"--config={RECIPE}",
        f"--data={arguments.data}",
        f"--eval_data={arguments.eval_data}",
        f"--workdir={workdir}",
        *(f"--set={setting}" for setting in settings),
    )
    simclr("evaluate", workdir)


def simclr(*arguments):
    """One command of the package, to its end."""
    subprocess.run([sys.executable, "-m", "simclr", *arguments], check=True)


def score(workdir):
    """Shares by kNN and linear probe, minutes of training, of a done cell."""
    with open(os.path.join(workdir, "results.json")) as file:
        rows = {row["name"]: row for row in json.load(file)["rows"]}
    row = rows["trained encoder"]
    rows = metrics.read(os.path.join(workdir, "metrics.jsonl"))
    with open(os.path.join(workdir, "config.json")) as file:
        batch = json.load(file)["batch_size"]
    seconds, last = 0.0, 0
    for entry in rows:
        if entry.get("images_per_second"):
            images = (entry["step"] - last) * batch
            seconds += images / entry["images_per_second"]
            last = entry["step"]
    return {
        "kNN": row["knn_top1"],
        "linear": row["linear_top1"],
        "minutes": seconds / 60,
    }


def table(cells):
    """Markdown: a row an objective, a column a batch size; not run: empty."""
    found = {(cell["objective"], cell["batch"]): cell for cell in cells}
    objectives = list(dict.fromkeys(name for name, _ in found))
    batches = sorted({batch for _, batch in found})
    lines = [
        "| batch | " + " | ".join(f"{b:,}" for b in batches) + " |",
        "|---" * (1 + len(batches)) + "|",
    ]
    for name in objectives:
        row = [words(found.get((name, batch))) for batch in batches]
        lines.append(f"| {' | '.join([name, *row])} |".replace("  ", " "))
    return "\n".join(lines) + "\n"


def words(cell):
    """kNN / linear in %, of a cell; empty of none."""
    if cell is None:
        return ""
    return f"{100 * cell['kNN']:.1f} / {100 * cell['linear']:.1f}"


def draw(path, cells):
    """Accuracy over batch size, a line an objective and a score."""
    series.draw(
        path,
        title="SimCLR keeps its accuracy in small batches",
        subtitle="CIFAR-10, ResNet-18 x0.25, 8 epochs: top-1 by kNN (solid) "
        "and by a linear probe (dashed), by batch size",
        rows=sorted(cells, key=lambda cell: cell["batch"]),
        x="batch",
        series=("objective",),
        values=("kNN", "linear"),
    )


if __name__ == "__main__":
    main()
