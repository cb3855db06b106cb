"""A classifier's answers for new images, as a CSV file."""

import collections
import io
import time

import numpy as np

from simclr.commands.unreadable import list_unreadable
from simclr.commands.use import HEADER
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source, root_of
from simclr.engines.workers import Workers
from simclr.inference.features import batches
from simclr.inference.forward import Infer
from simclr.messages.counts import counted
from simclr.messages.say import show
from simclr.models import classifier
from simclr.runs import classes, weights
from simclr.storage import tables
from simclr.storage.whole import whole_file

_SHOWN = 5  # Classes named in the summary.


def write(run, data, devices, *, out, top, probabilities, store=""):
    """Writes a CSV file with a row for each image.

    Args:
        run: run folder of a classifier.
        data: images, as for open_source.
        devices: commands.devices.Devices.
        out: path of the CSV file.
        top: classes of an image that are named, the likeliest first.
        probabilities: bool, also a column p_CLASS for each class.
        store: folder of a store that is told, too; "": none.

    Raises:
        InputError: no classifier, or no checkpoint.
        OSError: `out` cannot be written.
    """
    _, class_names, num_classes = classes.describe(run)
    class_names = class_names or [str(i) for i in range(num_classes)]
    source = open_source(data)
    trained = weights.load_classifier(run, devices.strategy)
    show(f"{run}, step {trained.step} ({devices.words})")
    header = list(HEADER) + [
        f"{name}_{place}"
        for place in range(2, top + 1)
        for name in ("label", "probability")
    ]
    if probabilities:
        header += [f"p_{name}" for name in class_names]
    reader = Reader(source)
    said = []  # (number of the image, its class), if a store is to know.
    counts = collections.Counter()
    started = time.monotonic()
    chief = devices.chief  # Of several workers, who all predict.
    with whole_file(out, newline="") if chief else io.StringIO() as file:
        file.write(tables.line(header))
        for rows, p in batches(
            Infer(
                lambda x: classifier.probabilities([trained.model], x),
                devices.strategy,
            ),
            reader,
            np.arange(len(source)),
            image_size=trained.image_size,
            workers=Workers(devices.strategy),
            title="Predicting",
        ):
            best = np.argsort(-p, axis=1, kind="stable")[:, :top]
            for row, shares, likely in zip(rows, p, best):
                counts[class_names[likely[0]]] += 1
                if store:
                    said.append((int(row), class_names[likely[0]]))
                cells = [source.id(int(row))]
                for j in likely:
                    cells += [class_names[j], f"{shares[j]:.6g}"]
                if probabilities:
                    cells += [f"{share:.6g}" for share in shares]
                file.write(tables.line(cells))
    if not chief:
        return
    seconds = time.monotonic() - started
    list_unreadable(f"{out}.unreadable.tsv", reader.bad)
    show(_summary(source, counts, seconds, out))
    if store:
        from simclr.explore import predicted

        known = predicted.note(store, root_of(data), source, said)
        show(f"{store}: predictions of {known:,} of {len(said):,} images")


def _summary(source, counts, seconds, out):
    """One line: how many images, how fast, of which classes."""
    total = sum(counts.values())
    frequent = counts.most_common(_SHOWN)
    words = ", ".join(f"{count:,} {name}" for name, count in frequent)
    rest = len(counts) - len(frequent)
    if rest:
        words += f", and {counted(rest, 'more class', 'more classes')}"
    return (
        f"{out}: {counted(total, 'image')} of {source.name} "
        f"({total / seconds:,.0f} images/s): {words}"
    )
