"""Every recipe on TPU slices, compiled without one: memory, times, chip-hours.

    python benchmarks/compile_recipes.py --workdir=runs/compiled \
        --recipe cifar10_resnet18 imagenet_resnet50 --topology v5e-8 v3-8

A cell is one `simclr compile --nosearch`, in a process of its own, and its
result one JSON file: run it again after a stop, and it goes on. What does not
fit, or compile in --hours, is a result, too (to try it again, delete its file);
what does not fit is tried again in microbatches (gradient caching). The table
is table.md.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import time

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "configs")
GIB = {"v5e-8": 16, "v3-8": 16}  # Of a replica.
FILLED = 0.8  # Of that, by what grows with the batch, for a first try.
SMALL = ("demo", "sample_resnet18")
IMAGES = {"imagenet": (1_281_167, 1000), "cifar10": (50_000, 10)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--recipe", nargs="*", default=recipes())
    parser.add_argument("--topology", nargs="*", default=["v5e-8", "v3-8"])
    parser.add_argument("--hours", type=float, default=0.75, help="of a cell")
    arguments = parser.parse_args()
    os.makedirs(arguments.workdir, exist_ok=True)
    rows = []
    for recipe in arguments.recipe:
        for topology in arguments.topology:
            rows += cell(arguments, recipe, topology)
            with open(os.path.join(arguments.workdir, "table.md"), "w") as file:
                file.write(table(rows))
    print(table(rows))


def recipes():
    """Names of the recipes that want more than a CPU."""
    paths = sorted(glob.glob(os.path.join(CONFIGS, "*.py")))
    names = [os.path.basename(path)[: -len(".py")] for path in paths]
    return [x for x in names if not x.endswith("_cpu") and x not in SMALL]


def cell(arguments, recipe, topology):
    """A recipe on a slice; in microbatches, too, where it does not fit.

    Returns:
        list of dicts, what `compiled` returns of each.
    """
    whole = compiled(arguments, recipe, topology, 0)
    if whole.get("fits", True):
        return [whole]
    batch, parts = whole["batch_size"], 1
    while whole["needed_gib"] / parts > FILLED * GIB[topology]:
        parts *= 2
    return [whole, compiled(arguments, recipe, topology, batch // parts)]


def compiled(arguments, recipe, topology, microbatch):
    """What `simclr compile` says, or "why" it says nothing."""
    name = f"{recipe}_{topology}" + (f"_{microbatch}" if microbatch else "")
    path = os.path.join(arguments.workdir, f"{name}.json")
    if not os.path.exists(path):
        images, classes = IMAGES["cifar10" if "cifar" in recipe else "imagenet"]
        command = [
            *(sys.executable, "-m", "simclr", "compile", "--nosearch"),
            f"--config={os.path.join(CONFIGS, recipe)}.py",
            f"--topology={topology}",
            f"--images={images}",
            f"--classes={classes}",
            f"--set=train.microbatch={microbatch}",
            f"--out={path}.new",
        ]
        print(" ".join(command), flush=True)
        started = time.monotonic()
        try:
            done = subprocess.run(
                command,
                stderr=subprocess.PIPE,
                text=True,
                timeout=3600 * arguments.hours,
            )
            why = (done.stderr.strip().splitlines() or [""])[-1]
        except subprocess.TimeoutExpired:
            why = f"not compiled in {arguments.hours:g} hours"
        found = {"why": why}
        if os.path.exists(f"{path}.new"):
            with open(f"{path}.new") as file:
                found = json.load(file)
            os.remove(f"{path}.new")
        found |= {
            "name": recipe,
            "topology": topology,
            "microbatch": microbatch,
            "seconds": time.monotonic() - started,
        }
        with open(f"{path}.tmp", "w") as file:
            json.dump(found, file, indent=1)
        os.replace(f"{path}.tmp", path)
    with open(path) as file:
        return json.load(file)


def table(rows):
    """Markdown, a row for each that was compiled."""
    lines = [
        "| recipe | slice | batch | GiB a chip | step, ms | images/s | hours | "
        "chip-hours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        start = f"| {row['name']} | {row['topology']} | "
        if "why" in row:
            lines.append(f"{start}{row['why']} | | | | | |")
            continue
        batch = f"{row['batch_size']:,}"
        if row["microbatch"]:
            batch += f", {row['microbatch']:,} at a time"
        start += f"{batch} | {row['needed_gib']:.2f} | "
        if row["fits"]:
            lines.append(
                f"{start}{1e3 * row['roofline']['step']:.3g} | "
                f"{row['images_per_second']:,.0f} | {row['hours']:.3g} | "
                f"{row['chip_hours']:.3g} |"
            )
        else:
            lines.append(f"{start}does not fit | | | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
