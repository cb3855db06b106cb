"""Objectives side by side at three batch sizes, one cell a run.

    python benchmarks/objectives_by_batch.py --data=cifar10/train \
        --eval_data=cifar10/test --workdir=runs/objectives

Every cell pretrains the encoder of configs/cifar10_resnet18_cpu.py for the
same number of images and scores it with kNN and a linear probe. Batches of
1,024 pass the nets 256 at a time (gradient caching), as on a device too small
for them. Cells that are done are kept: run it again after a stop. It ends with
a table (table.md) and a picture in the form of the Barlow Twins paper's Figure
2 (batches.png).
"""

import argparse
import json
import os
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from simclr.runs import metrics

RECIPE = os.path.join(
    os.path.dirname(__file__), "..", "configs", "cifar10_resnet18_cpu.py"
)
BATCHES = (64, 256, 1024)
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
    parser.add_argument("--data", required=True)
    parser.add_argument("--eval_data", required=True)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--objective", nargs="*", default=list(OBJECTIVES))
    parser.add_argument("--batch", nargs="*", type=int, default=BATCHES)
    parser.add_argument(
        "--set", nargs="*", default=[], help="settings of every cell"
    )
    arguments = parser.parse_args()
    for batch in arguments.batch:
        for objective in arguments.objective:
            run(arguments, objective, batch)
    cells = {
        (objective, batch): score(folder(arguments, objective, batch))
        for objective in arguments.objective
        for batch in arguments.batch
    }
    path = os.path.join(arguments.workdir, "table.md")
    with open(path, "w") as file:
        file.write(table(cells))
    print(table(cells))
    draw(os.path.join(arguments.workdir, "batches.png"), cells)


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
    """kNN, linear probe and minutes of training of a finished cell."""
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
        "knn": 100 * row["knn_top1"],
        "linear": 100 * row["linear_top1"],
        "minutes": seconds / 60,
    }


def table(cells):
    """Markdown: a row an objective, a group of columns a batch size."""
    objectives = list(dict.fromkeys(name for name, _ in cells))
    batches = list(dict.fromkeys(batch for _, batch in cells))
    lines = [
        "| kNN / linear, % | " + " | ".join(f"{b:,}" for b in batches) + " |",
        "|---|" + "---|" * len(batches),
    ]
    for name in objectives:
        row = [cells[name, batch] for batch in batches]
        lines.append(
            f"| {name} | "
            + " | ".join(
                f"{c['knn']:.1f} / {c['linear']:.1f} ({c['minutes']:.0f} min)"
                for c in row
            )
            + " |"
        )
    return "\n".join(lines) + "\n"


def draw(path, cells):
    """Accuracy over batch size, a line an objective; linear and kNN."""
    objectives = list(dict.fromkeys(name for name, _ in cells))
    batches = list(dict.fromkeys(batch for _, batch in cells))
    figure, both = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    for axes, key in zip(both, ("linear", "knn")):
        for name in objectives:
            y = [cells[name, batch][key] for batch in batches]
            axes.plot(batches, y, marker="o", label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(batches, [f"{b:,}" for b in batches])
        axes.set_xlabel("batch size")
        axes.set_title({"linear": "linear probe", "knn": "kNN"}[key])
        axes.grid(alpha=0.3)
    both[0].set_ylabel("top-1, %")
    both[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
