"""`simclr predict`: a classifier's answers for new images, as a CSV file."""

import collections
import csv
import io
import os
import sys
import time

import numpy as np

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import Workers, is_chief, make_strategy
from simclr.inference.features import batches
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError
from simclr.models import classifier
from simclr.runs import weights
from simclr.storage.whole import whole_file

_HEADER = ["id", "label", "probability"]
_SHOWN = 5  # Classes named in the summary.


def run(
    workdir,
    data,
    *,
    out="predictions.csv",
    top=1,
    probabilities=False,
    strategy_kind="auto",
    replicas=0,
):
    """Writes a CSV file with a row for each image; see `simclr predict --help`.

    Its columns id and label make it a labels.csv for the same images. It takes
    its name when it is whole; an older predictions file of that name is then
    replaced. Images that cannot be read are listed in OUT.unreadable.tsv.

    Args:
        workdir: run folder of a classifier.
        data: images, as for open_source.
        out: path of the CSV file.
        top: classes of an image that are named, the likeliest first.
        probabilities: also a column p_CLASS for each class.
        strategy_kind, replicas: see make_strategy.

    Raises:
        InputError: no classifier, no checkpoint, fewer classes than `top`, or
            `out` is a file of something else.
        OSError: `out` cannot be written.
    """
    _, class_names, num_classes = weights.describe(workdir)
    class_names = class_names or [str(i) for i in range(num_classes)]
    if top > num_classes:
        raise InputError(
            f"--top={top}: the classifier has {num_classes} classes."
        )
    _require_ours(out)
    strategy, devices = make_strategy(strategy_kind, replicas)
    source = open_source(data)
    trained = weights.load_classifier(workdir, strategy)
    print(f"{workdir}, step {trained.step} ({devices})")
    header = _HEADER + [
        f"{name}_{place}"
        for place in range(2, top + 1)
        for name in ("label", "probability")
    ]
    if probabilities:
        header += [f"p_{name}" for name in class_names]
    reader = Reader(source)
    counts = collections.Counter()
    started = time.monotonic()
    chief = is_chief(strategy)  # Of several workers, who all predict.
    with whole_file(out, newline="") if chief else io.StringIO() as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for rows, p in batches(
            Infer(
                lambda x: classifier.probabilities([trained.model], x),
                strategy,
            ),
            reader,
            np.arange(len(source)),
            image_size=trained.image_size,
            workers=Workers(strategy),
            progress=sys.stderr.isatty(),
            title="Predicting",
        ):
            best = np.argsort(-p, axis=1, kind="stable")[:, :top]
            for row, shares, classes in zip(rows, p, best):
                counts[class_names[classes[0]]] += 1
                cells = [source.id(int(row))]
                for j in classes:
                    cells += [class_names[j], f"{shares[j]:.6g}"]
                if probabilities:
                    cells += [f"{share:.6g}" for share in shares]
                writer.writerow(cells)
    if not chief:
        return
    seconds = time.monotonic() - started
    _list_unreadable(f"{out}.unreadable.tsv", reader.bad)
    print(_summary(source, counts, seconds, out))


def _require_ours(out):
    """A file of something else is not overwritten."""
    folder = os.path.dirname(out) or "."
    if not os.path.isdir(folder):
        raise InputError(f"--out={out}: there is no folder {folder}.")
    if not os.path.lexists(out):
        return
    if os.path.isfile(out):
        with open(out, encoding="utf-8", errors="replace") as file:
            if file.readline().startswith(",".join(_HEADER)):
                return
    raise InputError(
        f"{out} exists and is no file of predictions; choose another --out."
    )


def _list_unreadable(path, bad):
    """Writes id and reason, as a run's unreadable_images.tsv has them."""
    if bad:
        with whole_file(path) as file:
            file.writelines(f"{name}\t{why}\n" for name, why in bad.items())
        print(f"{len(bad):,} unreadable images are left out, see {path}")
    elif os.path.exists(path):  # Of earlier predictions, now replaced.
        os.unlink(path)


def _summary(source, counts, seconds, out):
    """One line: how many images, how fast, of which classes."""
    total = sum(counts.values())
    frequent = counts.most_common(_SHOWN)
    words = ", ".join(f"{count:,} {name}" for name, count in frequent)
    rest = len(counts) - len(frequent)
    if rest:
        words += f", and {rest:,} more classes"
    return (
        f"{out}: {total:,} images of {source.name} "
        f"({total / seconds:,.0f} images/s): {words}"
    )
