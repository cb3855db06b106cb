"""Every recipe on TPU slices, compiled without one: memory, times, chip-hours.

    python benchmarks/compile_recipes.py --workdir=runs/compiled \
        --recipe cifar10_resnet18 imagenet_resnet50 --topology v5e-8 v3-8

A recipe is one `simclr compile --nosearch --nocode`, in a process of its own; a
cell of the table is one JSON file: run it again after a stop, and it goes on.
What does not fit, or compile in --hours, is a result, too (to try it again,
delete its file); what does not fit is tried again in microbatches (gradient
caching). The table is table.md.
"""

import argparse
import glob
import itertools
import json
import os
import subprocess
import sys
import time

from simclr.storage.whole import write_whole

CONFIGS = os.path.join(os.path.dirname(__file__), "..", "configs")
GIB = {"v5e-8": 16, "v3-8": 16}  # Of a replica.
FILLED = 0.8  # Of that, by what grows with the batch, for a first try.
SMALLEST = 64  # Of the microbatches that are tried.
SMALL = ("demo", "sample_resnet18")
IMAGES = {  # And classes, by a part of a recipe's name.
    "cifar10": (50_000, 10),
    "1pct": (12_811, 1000),
    "10pct": (128_116, 1000),
    "": (1_281_167, 1000),
}
# A recipe that names no run has no teacher; here their answers are cached.
SETTINGS = {"imagenet_distill": ["distill.cache=True"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--recipe", nargs="*", default=recipes())
    parser.add_argument("--topology", nargs="*", default=["v5e-8", "v3-8"])
    parser.add_argument("--hours", type=float, default=0.75, help="of a recipe")
    parser.add_argument(
        "--code", action="store_true", help="to the end, not up to the buffers"
    )
    arguments = parser.parse_args()
    os.makedirs(arguments.workdir, exist_ok=True)
    rows = []
    for recipe in arguments.recipe:
        rows += cells(arguments, recipe)
        with open(os.path.join(arguments.workdir, "table.md"), "w") as file:
            file.write(table(rows, arguments.topology))
    print(table(rows, arguments.topology))


def recipes():
    """Names of the recipes that want more than a CPU."""
    paths = sorted(glob.glob(os.path.join(CONFIGS, "*.py")))
    names = [os.path.basename(path)[: -len(".py")] for path in paths]
    return [x for x in names if not x.endswith("_cpu") and x not in SMALL]


def cells(arguments, recipe):
    """A recipe on its slices; in microbatches, too, where it does not fit.

    Returns:
        list of dicts, what `compiled` returns of each.
    """
    rows = compiled(arguments, recipe, arguments.topology, 0)
    waiting = {}  # Slices, by the microbatch to try on them next.
    for row in rows:
        if not row.get("fits", True):
            parts = 2
            while row["needed_gib"] / parts > FILLED * GIB[row["topology"]]:
                parts *= 2
            microbatch = row["batch_size"] // parts
            waiting.setdefault(microbatch, []).append(row["topology"])
    while waiting:
        microbatch = max(waiting)
        tried = compiled(arguments, recipe, waiting.pop(microbatch), microbatch)
        rows += tried
        for row in tried:
            if not row.get("fits", True) and microbatch > SMALLEST:
                waiting.setdefault(microbatch // 2, []).append(row["topology"])
    order = arguments.topology.index
    return sorted(rows, key=lambda x: (order(x["topology"]), -size_of(x)))


def size_of(row):
    """Images that the encoder sees at a time."""
    return row["microbatch"] or row.get("batch_size", 0)


def compiled(arguments, recipe, topologies, microbatch):
    """What `simclr compile` says on each slice, or "why" it says nothing."""

    def path_of(topology):
        name = f"{recipe}_{topology}" + (f"_{microbatch}" if microbatch else "")
        return os.path.join(arguments.workdir, f"{name}.json")

    missing = [x for x in topologies if not os.path.exists(path_of(x))]
    if missing:
        found = ask(arguments, recipe, missing, microbatch)
        for topology, facts in zip(missing, found, strict=True):
            write_whole(path_of(topology), json.dumps(facts, indent=1))
    rows = []
    for topology in topologies:
        with open(path_of(topology)) as file:
            rows.append(json.load(file))
    return rows


def ask(arguments, recipe, topologies, microbatch):
    """`simclr compile` in a process of its own.

    Returns:
        list of dicts, one for each of `topologies`.
    """
    out = os.path.join(arguments.workdir, f"{recipe}.{os.getpid()}.new")
    images, classes = next(IMAGES[part] for part in IMAGES if part in recipe)
    command = [
        *(sys.executable, "-m", "simclr", "compile", "--nosearch"),
        "--code" if arguments.code else "--nocode",
        f"--config={os.path.join(CONFIGS, recipe)}.py",
        f"--topology={','.join(topologies)}",
        f"--images={images}",
        f"--classes={classes}",
        f"--set=train.microbatch={microbatch}",
        *(f"--set={setting}" for setting in SETTINGS.get(recipe, ())),
        f"--out={out}",
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
    found = [{"why": why}] * len(topologies)
    if os.path.exists(out):
        with open(out) as file:
            found = json.load(file)
        os.remove(out)
    seconds = time.monotonic() - started
    print(f"{seconds:.0f} s", flush=True)
    own = {"name": recipe, "microbatch": microbatch, "seconds": seconds}
    return [
        facts | own | {"topology": topology}
        for facts, topology in zip(found, topologies, strict=True)
    ]


def table(rows, topologies):
    """Markdown, a row for each recipe and five columns for each slice."""
    lines = [
        "| recipe | batch |"
        + "".join(
            f" {topology}: GiB | at a time: GiB | images/s | hours | "
            "chip-hours |"
            for topology in topologies
        ),
        "|---|---|" + 5 * len(topologies) * "---|",
    ]
    for name, of_recipe in itertools.groupby(rows, lambda row: row["name"]):
        of_recipe = list(of_recipe)
        batch = of_recipe[0].get("batch_size", 0)
        line = f"| `{name}.py` | {batch:,} |"
        for topology in topologies:
            line += columns([x for x in of_recipe if x["topology"] == topology])
        lines.append(line)
    return "\n".join(lines) + "\n"


def columns(rows):
    """A recipe on a slice: the whole batch, and in microbatches where it must.

    Times are of the last, which fits, if any does.
    """
    for row in rows:
        if "why" in row:
            return f" {row['why']} |" + 4 * " |"
    at_a_time = [
        f"{row['microbatch']:,}: {row['needed_gib']:.2f}"
        for row in rows
        if row["microbatch"]
    ]
    line = f" {rows[0]['needed_gib']:.2f} | {', '.join(at_a_time)} |"
    if not rows[-1]["fits"]:
        return line + " does not fit | | |"
    return line + (
        f" {rows[-1]['images_per_second']:,.0f} | {figures(rows[-1]['hours'])} "
        f"| {figures(rows[-1]['chip_hours'])} |"
    )


def figures(number):
    """Two significant figures, none of them after a comma that is not seen."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


if __name__ == "__main__":
    main()
