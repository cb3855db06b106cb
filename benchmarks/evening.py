"""One evening: from a folder of images to a classifier, with 200 labels.

    python benchmarks/evening.py TRAIN TEST OUT --teacher=runs/lite0

TRAIN and TEST are folders of class folders. Of TRAIN --images of every class
are linked into one folder, without their classes: what a person has who never
labelled. Then the commands of the README, one after the other: distill, embed,
cluster, page --serve, labels, finetune, evaluate, export, predict and predict
--store. The labels are given in the page, which a headless Chromium shows: of
each cluster some of its most central and of its oddest images are selected in
its grid, by the mouse, and labelled by the keys. The class folder stands for
the person who sees what an image is; no other step knows it.

OUT is kept: the same command again goes on after the last stage that ended.
Prints a table of the minutes and of the CPU's minutes of each stage, and the
scores on TEST.
"""

import argparse
import json
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from tests import browser  # noqa: E402

CENTRAL, ODD = 6, 2  # Images of a cluster that are labelled.
HEADING = "document.querySelector('#about h2')?.textContent"
# What is pressed before each.
PICTURES = {
    "cluster": ["t"],
    "map": ["Escape", "Escape", "t", "0"],
    "labels": ["t", "c"],
    "near": ["c", "c", "c", "c", "t", *"+++++"],
    "image": ["Enter"],
    "dark": ["d", "Escape", "0"],
    "keys": ["?"],
}
CONTROL = {"modifiers": 2}  # A click with Ctrl selects one more.


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("test", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--config", default="configs/cifar10_distill.py")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--labels", type=int, default=200)
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    photos, student = out / "photos", out / "student"
    store, classifier = out / "store", out / "classifier"
    labels = store / "page" / "labels.csv"
    truth = link(arguments.train, photos, arguments.images)
    clusters = -(-arguments.labels // (CENTRAL + ODD))
    scored = f"--eval_data={arguments.test}"
    given = f"--data={photos}", f"--labels={labels}", scored
    stages = {
        "distill": command(
            *("distill", f"--config={arguments.config}", f"--data={photos}"),
            *(f"--teacher={arguments.teacher}", f"--workdir={student}"),
            *("--set", f"epochs={arguments.epochs}"),
        ),
        "embed": command("embed", student, photos, f"--out={store}"),
        "cluster": command("cluster", store, f"--k={clusters}"),
        "page, labels": lambda: label(store, truth, arguments.labels),
        "finetune": command(
            *("finetune", f"--init={student}", f"--workdir={classifier}"),
            *given,
        ),
        "evaluate": command("evaluate", classifier, scored),
        "baselines": command("evaluate", student, *given),
        "export": command("export", classifier, f"--data={photos}"),
        "predict": command(
            "predict", classifier, photos, f"--out={out / 'predictions.csv'}"
        ),
        "predict --store": command(
            *("predict", classifier, photos, f"--store={store}"),
            f"--out={out / 'again.csv'}",
        ),
    }
    took = out / "minutes.json"
    # Stage -> [minutes, minutes of CPU, whether it ended].
    minutes = json.loads(took.read_text()) if took.exists() else {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    for name, act in stages.items():
        before = minutes.get(name, [0, 0, False])
        if before[2]:
            continue
        wall, cpu = time.monotonic(), children_s()
        ended = False
        try:
            act()
            ended = True
        finally:  # What a stage took before it was stopped counts, too.
            spent = time.monotonic() - wall, children_s() - cpu
            sums = [a + b / 60 for a, b in zip(before, spent)]
            minutes[name] = [*sums, ended]
            took.write_text(json.dumps(minutes))
    print(table(minutes))
    for path in sorted(out.glob("*/results*.json")):
        for row in json.loads(path.read_text())["rows"]:
            scores = [
                f"{key} {100 * row[key]:.1f} %"
                for key in ("top1", "knn_top1", "linear_top1")
                if key in row
            ]
            print(row["name"], *scores)


def link(train, photos, each):
    """dict of name -> class, of links that are made in one folder."""
    paths = [
        path
        for folder in sorted(train.iterdir())
        for path in sorted(folder.iterdir())[:each]
    ]
    random.Random(0).shuffle(paths)
    photos.mkdir(parents=True, exist_ok=True)
    truth = {}
    for number, path in enumerate(paths):
        name = f"{number:06d}{path.suffix}"
        truth[name] = path.parent.name
        if not (photos / name).exists():
            (photos / name).symlink_to(path.absolute())
    return truth


def command(*words):
    """A function that runs a command of simclr."""
    line = [sys.executable, "-m", "simclr", *map(str, words)]
    return lambda: subprocess.run(line, check=True)


def children_s():
    """Seconds of CPU of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def label(store, truth, most):
    """Serves the page of a store, and labels in it until `most` are given."""
    line = [sys.executable, "-u", "-m", "simclr", "page", store, "--serve"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        address = next(
            text.split()[0] for text in server.stdout if "http://" in text
        )
        with browser.tab(1280, 1400) as tab:
            tab.open(address)
            known, given = [], set()
            tab.key("Escape")
            while len(given) < most:
                before = json.dumps(tab.run(HEADING))
                tab.key("]")
                tab.wait(
                    f"{HEADING} !== {before} && /^Cluster/.test({HEADING})"
                )
                label_cluster(tab, truth, known, given, most)
            tab.wait("document.getElementById('saved').textContent === 'saved'")
            draw(tab, store.parent / "pictures")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def draw(tab, folder):
    """Writes PNGs of what a person sees after the labels."""
    folder.mkdir(exist_ok=True)
    tab.run("document.querySelector('.grid').scrollIntoView()")
    for name, keys in PICTURES.items():
        for key in keys:
            tab.key(key)
        tab.run("new Promise((done) => setTimeout(done, 2000))")
        tab.picture(folder / f"{name}.png")


def label_cluster(tab, truth, known, given, most):
    """Labels some images of the cluster that is shown, class by class.

    Args:
        tab: browser.Tab.
        truth: dict of name -> class.
        known: list of classes in the order of their keys; grows.
        given: set of names that have a label; grows.
        most: int, labels that are given at most.
    """
    grids = tab.run(
        "[...document.querySelectorAll('.grid')].map((grid) =>"
        " [...grid.children].map((cell) => cell.title))"
    )
    seen = [*grids[0][:CENTRAL], *grids[1][:ODD]]
    seen = [name for name in dict.fromkeys(seen) if name not in given]
    seen = seen[: most - len(given)]
    for kind in sorted({truth[name] for name in seen}):
        names = [name for name in seen if truth[name] == kind]
        for name in names:
            x, y = tab.run(
                "(() => { const cell = document.querySelector("
                f"'.cell[title=\"{name}\"]'); cell.scrollIntoView();"
                " const box = cell.getBoundingClientRect();"
                " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
            )
            tab.mouse("mousePressed", x, y, **CONTROL)
            tab.mouse("mouseReleased", x, y, **CONTROL)
        if kind in known[:9]:
            tab.key(str(known.index(kind) + 1))
        else:
            tab.key("e")
            tab.run("document.getElementById('label').select()")
            tab.write(kind)
            tab.key("Enter")
            known.append(kind)
        assert tab.text("said") == f"{len(names)} labelled {kind}"
        given.update(names)
        tab.key("Escape")  # Nothing is selected, and the cluster stays.


def table(minutes):
    """Markdown."""
    lines = ["| stage | minutes | CPU minutes |", "|---|---|---|"]
    for name, (wall, cpu, _) in minutes.items():
        lines.append(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    wall, cpu, _ = map(sum, zip(*minutes.values()))
    return "\n".join([*lines, f"| all | {wall:.1f} | {cpu:.1f} |"])


if __name__ == "__main__":
    main()
