"""From scratch and as a student, by the number of images, in equal CPU time.

    python benchmarks/students_by_images.py OUT --teacher=runs/lite0 \\
        --cifar=cifar10/train --cifar_test=cifar10/test --photos=PHOTOS

Each point is a run on some images of a set, pinned to one CPU core, for
--minutes of it; two run side by side. First a short run of each tells how many
epochs that is: nothing else should run then. What runs beside the training
itself changes its minutes, and no score. CIFAR-10 is scored by kNN and a
linear probe, with the labels of all training images, on the test images.
Photos without labels are scored by their neighbours: how many of the 10
nearest are the teacher's, too. The teacher's own look at the images is not
counted.

A point that is there already is not run again. OUT gets points.json and
points.png.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

from matplotlib import pyplot

from simclr import config as config_lib

COUNTS = {"cifar": (300, 3_000, 50_000), "photos": (300, 1_000, 3_781)}
RECIPES = {
    ("cifar", "scratch"): "configs/cifar10_resnet18_cpu.py",
    ("cifar", "student"): "configs/cifar10_distill.py",
    ("photos", "scratch"): "configs/photos_resnet18_cpu.py",
    ("photos", "student"): "configs/photos_distill.py",
}
TITLES = {
    "cifar": "CIFAR-10, kNN on the test images, %",
    "photos": "photos, neighbours that are the teacher's, %",
}
LABELS = {"scratch": "SimCLR from scratch", "student": "student"}
TRIED_STEPS = 60  # That tell how many a minute has.


@dataclasses.dataclass(frozen=True)
class Point:
    """A run: of what, on how many images, and how."""

    set: str
    count: int
    way: str

    @property
    def name(self):
        return f"{self.set}_{self.count}_{self.way}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--teacher", required=True)
    for name in ("cifar", "cifar_test", "photos"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--points", nargs="*", help="set_count_way; all")
    parser.add_argument("--set", nargs="*", default=[], help="of each run")
    arguments = parser.parse_args()
    points = [
        Point(name, count, way)
        for (name, way) in RECIPES
        if getattr(arguments, name)
        for count in COUNTS[name]
    ]
    if arguments.points:
        points = [p for p in points if p.name in arguments.points]
    cores = sorted(os.sched_getaffinity(0))
    for name in {point.set for point in points}:
        for count in COUNTS[name]:
            link_some(getattr(arguments, name), folder(arguments, name, count))
    for _ in side_by_side(speed, points, arguments, cores):
        pass
    found = []
    for row in side_by_side(one, points, arguments, cores):
        found.append(row)
        print(json.dumps(row), flush=True)
    found.sort(key=lambda row: (row["set"], row["way"], row["count"]))
    text = "".join(json.dumps(row) + "\n" for row in found)
    (arguments.out / "points.json").write_text(text)
    draw(arguments.out / "points.png", found)


def side_by_side(function, points, arguments, cores):
    """Yields function(point, arguments, core), each core one at a time."""

    def on_a_core(point):
        core = cores.pop()
        try:
            return function(point, arguments, core)
        finally:
            cores.append(core)

    with concurrent.futures.ThreadPoolExecutor(len(cores)) as pool:
        jobs = [pool.submit(on_a_core, point) for point in points]
        for job in concurrent.futures.as_completed(jobs):
            if job.exception():  # The others would run for hours.
                pool.shutdown(cancel_futures=True)
            yield job.result()


def folder(arguments, name, count):
    """Where links to some images of a set lie."""
    return arguments.out / "images" / f"{name}_{count}"


def link_some(source, target):
    """Links to every so manieth image, with the folders that tell classes."""
    if target.exists():
        return
    source = pathlib.Path(source).resolve()
    images = sorted(path for path in source.rglob("*") if path.is_file())
    count = min(int(target.name.rpartition("_")[2]), len(images))
    for i in range(count):
        path = images[i * len(images) // count]
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)


def one(point, arguments, core):
    """Trains and scores a point; a dict."""
    run = arguments.out / "runs" / point.name
    scores = run / "scores.json"
    if scores.exists():
        return json.loads(scores.read_text())
    rate, batch = speed(point, arguments, core)
    epochs = round(arguments.minutes * 60 * rate / point.count, 2)
    train(point, arguments, core, run, batch, epochs)
    row = {
        **dataclasses.asdict(point),
        "epochs": epochs,
        "batch_size": batch,
        "images_per_second": rate,
        **score(point, arguments, core, run),
    }
    scores.write_text(json.dumps(row))
    return row


def speed(point, arguments, core):
    """(images a second of a short run, its batch size)."""
    recipe = config_lib.load(RECIPES[point.set, point.way])
    # A power of two, of half of the images at most.
    fitting = 1 << (point.count // 2).bit_length() - 1
    batch = min(recipe.batch_size, fitting)
    # Beside the run itself: the teacher's look is for both.
    run = arguments.out / "runs" / f"{point.name}_tried"
    epochs = TRIED_STEPS * batch / point.count
    train(point, arguments, core, run, batch, epochs)
    with open(run / "metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    rates = sorted(
        row["images_per_second"] for row in rows if "images_per_second" in row
    )
    return rates[len(rates) // 2], batch


def train(point, arguments, core, run, batch, epochs):
    """Runs the recipe; a run that has ended does nothing more."""
    images = folder(arguments, point.set, point.count)
    command = {
        "scratch": ["pretrain"],
        "student": ["distill", f"--teacher={arguments.teacher}"],
    }[point.way]
    line = [
        *command,
        f"--config={RECIPES[point.set, point.way]}",
        f"--data={images}",
        f"--workdir={run}",
    ]
    settings = {
        "epochs": epochs,
        "batch_size": batch,
        "train.eval_epochs": 0,
        "train.log_steps": 10,
        "train.checkpoint_epochs": epochs,
        "optimizer.warmup_epochs": round(epochs / 15, 3),
    }
    line += [f"--set={setting}" for setting in arguments.set]
    call(line + [f"--set={k}={v}" for k, v in settings.items()], core)


def score(point, arguments, core, run):
    """The figures of a run, a dict."""
    line = ["evaluate", str(run), "--nobaselines"]
    if point.set == "cifar":
        line += [f"--data={arguments.cifar}"]
        line += [f"--eval_data={arguments.cifar_test}"]
    else:
        line += [f"--data={arguments.photos}"]
        line += [f"--baseline={arguments.teacher}"]
    call(line, core)
    [results] = run.glob("results*.json")  # Named after the images.
    rows = json.loads(results.read_text())["rows"]
    trained = rows[-1]
    if point.set == "cifar":
        return {
            "knn": round(100 * trained["knn_top1"], 1),
            "linear": round(100 * trained["linear_top1"], 1),
        }
    (agreement,) = [row["agreement"] for row in rows if "agreement" in row]
    return {"agreement": round(100 * agreement, 1)}


def call(line, core):
    """Runs `simclr` on one core."""
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, "-m", "simclr", *line],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def draw(path, rows):
    """Both sets beside each other, a line a way."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    figure, panels = pyplot.subplots(
        1, len(sets), figsize=(5 * len(sets), 4), squeeze=False
    )
    for axes, name in zip(panels[0], sets):
        for way, label in LABELS.items():
            own = [r for r in rows if r["set"] == name and r["way"] == way]
            y = [row.get("knn", row.get("agreement")) for row in own]
            x = [row["count"] for row in own]
            axes.plot(x, y, marker="o", label=label)
        axes.set_xscale("log")
        axes.set_xticks(COUNTS[name], [f"{count:,}" for count in COUNTS[name]])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("images")
        axes.set_title(TITLES[name])
        axes.grid(alpha=0.3)
    panels[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
