"""What 10, 20 and 50 labels are worth, by the way they were chosen.

    python benchmarks/explore_select.py FEATURES.npz --seeds=5
    python benchmarks/explore_select.py --made=4000

FEATURES.npz holds `train_vectors` [m, f], `train_labels` [m], `test_vectors`
and `test_labels`, of one frozen encoder; without it a Gaussian mixture is made.
Each way chooses up to the first number of labels, is told these, chooses up to
the next, and so on:

    ours       choosing.rule in the whitened space, beside k-means with as many
               clusters as --clusters says (as many as classes if 0)
    random     each image as likely as another
    k-centre   greedy, of vectors of unit length
    TypiClust  as published: typical of clusters, of vectors of unit length

The score is the accuracy on all test images of a linear probe of the labelled
vectors, scaled to unit length: the same for all ways. JSON lines:

    chosen     way, labels, accuracy by seed, mean, deviation, rules, seconds
    data       rows, features, classes, accuracy with all labels, peak_gib

Then a table in markdown. Beside it stand the figures of an independent
reproduction on CIFAR-10 with a SimCLR ResNet-18, which is another encoder:
compare gaps between ways, not numbers. Two ways are published only: the hybrid
of PCA and TypiClust, and margins.
"""

import argparse
import json
import resource
import time

import numpy as np

from simclr.explore.choosing import others, probe, rule, typical
from simclr.explore.clusters import kmeans, sample, whiten

BLOCK = 8192
# Percent, by number of labels.
PUBLISHED = {
    "random": {10: "39.7", 20: "56.4", 50: "74.9"},
    "k-centre": {10: "50.6", 20: "65.1", 50: "76.3"},
    "TypiClust": {10: "51.9", 20: "76.9", 50: "80.8"},
    "PCA hybrid": {10: "73.9"},
    "margin": {50: "82.4"},
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("features", nargs="?")
    parser.add_argument("--made", type=int, default=4000, help="rows")
    parser.add_argument("--labels", default="10,20,50")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--clusters", type=int, default=0)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--least", type=float, default=rule.LABELS_PER_CLUSTER)
    arguments = parser.parse_args()
    data = loaded(arguments.features) if arguments.features else None
    data = data or made(arguments.made)
    numbers = [int(n) for n in arguments.labels.split(",")]
    found = {}
    for name, way in ways(data, arguments).items():
        scores, rules = [], []
        started = time.monotonic()
        for seed in range(arguments.seeds):
            score, said = rounds(data, way, numbers, seed)
            scores.append(score)
            rules.append(said)
        for i, number in enumerate(numbers):
            accuracy = [round(score[i], 4) for score in scores]
            found[name, number] = np.mean(accuracy), np.std(accuracy)
            say(
                "chosen",
                way=name,
                labels=number,
                accuracy=accuracy,
                mean=round(float(np.mean(accuracy)), 4),
                deviation=round(float(np.std(accuracy)), 4),
                rules=sorted({said[i] for said in rules if said[i]}),
                seconds=round(time.monotonic() - started, 1),
            )
    every = np.arange(len(data["train"]))
    every = np.random.default_rng(0).permutation(every)[:20_000]
    say(
        "data",
        rows=len(data["train"]),
        features=data["train"].shape[1],
        classes=data["classes"],
        all_labels=round(accuracy_of(data, every), 4),
        peak_gib=peak_gib(),
    )
    print(table(found, numbers))


def ways(data, arguments):
    """dict of name -> function of labels, budget and seed: rows, and a word."""
    unit = data["train"]
    space = whiten.fit(unit[:: 1 + len(unit) // 50_000], arguments.dims)
    white = space.apply(unit)
    clusters = {}

    def ours(labels, budget, seed):
        if seed not in clusters:
            k = arguments.clusters or data["classes"]
            clusters[seed] = clustered(white, k, seed)
        found = rule.choose(
            *(blocks(white), labels, clusters[seed], budget),
            seed=seed,
            least=arguments.least,
        )
        return found.row, found.rule

    def random(labels, budget, seed):
        labelled = np.flatnonzero(labels >= 0)
        # A new draw in each round: rounds differ by what is labelled.
        seed = 1000 * seed + len(labelled)
        return others.at_random(len(unit), labelled, budget, seed=seed), ""

    def k_centre(labels, budget, seed):
        labelled = np.flatnonzero(labels >= 0)
        return others.k_centre(unit, labelled, budget, seed=seed), ""

    def typiclust(labels, budget, seed):
        labelled = np.flatnonzero(labels >= 0)
        return typical.choose(
            blocks(unit), len(unit), labelled, budget, seed=seed
        ), ""

    return {
        "ours": ours,
        "random": random,
        "k-centre": k_centre,
        "TypiClust": typiclust,
    }


def rounds(data, way, numbers, seed):
    """Accuracies after each round, and what the way said of it."""
    labels = np.full(len(data["train"]), -1)
    scores, said = [], []
    for number in numbers:
        budget = number - np.sum(labels >= 0)
        rows, word = way(labels, int(budget), seed)
        labels[rows] = data["train_labels"][rows]
        scores.append(accuracy_of(data, np.flatnonzero(labels >= 0)))
        said.append(word)
    return scores, said


def accuracy_of(data, rows):
    labels = data["train_labels"][rows]
    if len(np.unique(labels)) < 2:  # All images are called what these are.
        return float(np.mean(data["test_labels"] == labels[0]))
    fitted = probe.fit(data["train"][rows], labels, data["classes"])
    hits = [
        fitted.probabilities(data["test"][i : i + BLOCK]).argmax(axis=1)
        == data["test_labels"][i : i + BLOCK]
        for i in range(0, len(data["test"]), BLOCK)
    ]
    return float(np.mean(np.concatenate(hits)))


def clustered(rows, k, seed):
    some, _ = sample.draw(blocks(rows), len(rows), 50_000, seed=seed)
    return kmeans.nearest(rows, kmeans.fit(some, k, seed=seed))[0]


def blocks(rows):
    def iterate():
        for start in range(0, len(rows), BLOCK):
            yield rows[start : start + BLOCK]

    return iterate


def loaded(path):
    with np.load(path) as file:
        return prepared(
            *(file["train_vectors"], file["train_labels"]),
            *(file["test_vectors"], file["test_labels"]),
        )


def made(count, classes=10, features=64, seed=0):
    """Parts of a mixture, three to a class, that overlap at their rims."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=[3 * classes, features])
    part = rng.integers(len(centres), size=count + count // 2)
    rows = centres[part] + 1.5 * rng.normal(size=[len(part), features])
    labels = part % classes
    return prepared(
        *(rows[:count], labels[:count]),
        *(rows[count:], labels[count:]),
    )


def prepared(train, train_labels, test, test_labels):
    # A file may hold one class after the other.
    order = np.random.default_rng(0).permutation(len(train))
    return {
        "train": whiten.unit(train[order].astype(np.float32)),
        "train_labels": np.asarray(train_labels)[order].astype(int),
        "test": whiten.unit(test.astype(np.float32)),
        "test_labels": np.asarray(test_labels).astype(int),
        "classes": int(np.max(train_labels)) + 1,
    }


def table(found, numbers):
    """Mean and deviation over seeds; the published figures beside."""
    head = [f"{n} labels | published" for n in numbers]
    lines = ["| way | " + " | ".join(head) + " |"]
    lines.append("|---" + "|---|---" * len(numbers) + "|")
    for name in dict.fromkeys([*(name for name, _ in found), *PUBLISHED]):
        cells = []
        for number in numbers:
            mean, deviation = found.get((name, number), (None, None))
            ours = "" if mean is None else f"{mean:.1%} ± {deviation:.1%}"
            cells.append(f"{ours} | {PUBLISHED.get(name, {}).get(number, '')}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def peak_gib():
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes / 2**20, 2)


def say(name, **facts):
    print(json.dumps({"measured": name, **facts}), flush=True)


if __name__ == "__main__":
    main()
