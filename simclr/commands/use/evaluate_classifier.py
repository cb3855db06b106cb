"""`simclr evaluate` of a classifier: accuracy, confusion, calibration."""

import json
import os
import re

import numpy as np

from simclr.commands.unreadable import list_unreadable
from simclr.commands.use import scored
from simclr.config import words
from simclr.data.images.reader import Reader
from simclr.data.labels import spelling
from simclr.data.labels.read import read_labels
from simclr.data.sources.registry import absolute, open_source, root_of
from simclr.engines.strategies import is_chief
from simclr.engines.workers import Workers
from simclr.evaluation import MAX_IMAGES, classification, report
from simclr.evaluation.accuracy import UNKNOWN_CLASS
from simclr.evaluation.split import Part, scored_labels
from simclr.inference.forward import Infer
from simclr.inference.parts import embed_part
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.names import short_name
from simclr.messages.say import show
from simclr.models import backbones
from simclr.models.variables import count_parameters
from simclr.pictures.confusion import MISTAKES, confusion_sheet
from simclr.runs import classes, weights
from simclr.storage.whole import write_whole


def score(
    workdir,
    strategy,
    *,
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    max_images=MAX_IMAGES,
    out="",
    again=True,
):
    """Scores the newest checkpoint of a classifier on labelled images.

    Which: --eval_data, else --data, else the run's held-out images, else those
    of its own images that its labels.csv left out; their labels are the
    source's own, or --labels.

    Prints tables and writes results.json and confusion.png into the run
    folder; with other images than the run's, results_NAME.json and so on; of
    imported weights, which are scored as an encoder, too,
    results_classifier.json.

    Args:
        workdir: run folder.
        strategy: tf.distribute strategy, or PjrtDevices.
        data, labels, eval_data, eval_labels, max_images: see `simclr evaluate
            --help`.
        out, again: as for evaluate_encoder.score.

    Returns:
        The dict written to results.json; None on a worker that is not the
        chief.

    Raises:
        InputError: no classifier, no checkpoint, no labelled images, or
            not one class that it knows.
    """
    config, class_names, num_classes = classes.describe(workdir)
    source, rows = _images(
        workdir, config.data, data, labels, eval_data, eval_labels
    )
    class_names = match_classes(source, class_names, num_classes)
    rows = _labelled(source, rows, max_images, config.seed)
    part = Part(Reader(source), rows, source.labels[rows])
    of = scored.named(data, eval_data)
    identity = scored.identity(workdir, of=of, score=part)
    imported = not config.classifies
    suffix = "_classifier" if imported else ""
    if (data or eval_data) and not out:
        results = os.path.join(workdir, f"results{suffix}")
        suffix += scored.suffix(
            results, eval_data or data, of, imported=imported
        )
    path = os.path.join(out or workdir, f"results{suffix}.json")
    if not again and (results := scored.before(path, identity)):
        show(f"Scored    before: {path}")
        return results
    scored.require_writable(out or workdir)
    trained = weights.load_classifier(workdir, strategy)
    infer = Infer(trained.model, strategy)
    show(f"{workdir}, step {trained.step}")
    show(
        f"Images    {len(rows):,} of {source.name}, in {num_classes:,} classes"
    )
    spec = eval_data or data or config.data.eval_source
    if seen := _trained_on(config, spec, source, rows):
        show(
            f"Note      {seen:,} of these images were trained on, with labels: "
            "the score does not tell how good it is on new images."
        )
    part, logits = embed_part(
        infer,
        part,
        image_size=trained.image_size,
        workers=Workers(strategy),
    )
    if not is_chief(strategy):
        return None
    list_unreadable(
        os.path.join(out or workdir, f"unreadable{suffix}.tsv"),
        part.reader.bad,
    )
    scores = classification.measure(logits, part.labels, class_names)
    name = os.path.basename(os.path.abspath(workdir))
    row = {"name": name, **scores}
    show(f"{report.classifier_table(row, len(part))}\n")
    show(report.classes_table(scores["per_class"]))
    show(
        f"Calibration error {report.cell(scores['ece'], 'ece')}: the mean "
        "distance between how sure it is and how often it is right."
    )
    results = {
        "step": trained.step,
        "identity": identity,
        "images": scored.counts(score=part),
        "rows": [row],
        "parameters": count_parameters(trained.models),
    }
    picture = os.path.join(out or workdir, f"confusion{suffix}.png")
    confusion_sheet(
        picture,
        title=f"{name}: {100 * scores['top1']:.1f} % of "
        f"{counted(len(part), 'image')} right",
        subtitle=_subtitle(scores, source, config, trained),
        scores=scores,
        class_names=class_names,
        mistakes=_mistakes(part, logits),
    )
    # Last: where it is, all else is (scored.before).
    write_whole(path, _json(results))
    show(f"Look at {picture}")
    return results


def _images(workdir, own_data, data, labels, eval_data, eval_labels):
    """The images to score.

    Args:
        own_data: config.Data of the run.
        data, labels, eval_data, eval_labels: what the user said instead.

    Returns:
        (Source, bool [num]: which of its images may be scored).
    """
    own = own_data.eval_source
    if eval_labels and not (eval_data or own):
        raise InputError("--eval_labels go with --eval_data, which is missing.")
    if eval_data or (own and not data and not labels):
        eval_data = eval_data or own
        if absolute(eval_data) == own:
            eval_labels = eval_labels or own_data.eval_labels
        source = open_source(eval_data, labels=eval_labels)
    elif data:
        source = open_source(data, labels=labels)
    elif not spelling.is_table(own_data.labels):
        raise InputError(
            f"{workdir} has no held-out images to score: say "
            "--eval_data=IMAGES, with --eval_labels=labels.csv unless its "
            "sub-folders are the classes."
        )
    else:
        source = open_source(own_data.source, labels=labels)
        root = root_of(own_data.source)
        known, _ = read_labels(own_data.labels, source, root)
        source.name += (
            f" without {os.path.basename(spelling.parts(own_data.labels)[0])}"
        )
        return source, known < 0
    return source, np.ones([len(source)], bool)


def _trained_on(config, spec, source, rows):
    """How many of some images a classifier learned by their labels.

    Args:
        config: Config of its run.
        spec: str, what the user calls the source; "": what the run left over.
        source: Source of the images.
        rows: int64 [m], which of them.
    """
    own = config.data
    if not spec or root_of(spec) != root_of(own.source):
        return 0
    try:
        trained = open_source(own.source, labels=own.labels)
    except (OSError, InputError):  # They are gone.
        return 0
    if config.task != "finetune" or trained.labels is None:
        return 0
    known = {trained.id(i) for i in np.flatnonzero(trained.labels >= 0)}
    return sum(source.id(row) in known for row in rows)


def match_classes(source, class_names, num_classes):
    """Numbers a source's labels as a classifier does.

    Imported weights do not tell what their classes are called. They are called
    by their numbers; or as the images' classes, in their order, where there
    are as many that have names.

    Args:
        source: Source, changed in place.
        class_names: list of str [k], the classifier's; None for an import.
        num_classes: k.

    Returns:
        list of str [k].

    Raises:
        InputError: every labelled image is of a class that the classifier does
            not know.
    """
    if class_names is None:
        class_names = [str(i) for i in range(num_classes)]
        theirs = source.class_names or []
        if len(theirs) == num_classes and not set(theirs) <= set(class_names):
            class_names = list(theirs)
            show(f"Classes   in the order of {source.name}")
    if source.labels is not None:
        number = {name: i for i, name in enumerate(class_names)}
        source.labels, note = scored_labels(source, number, "the classifier")
        source.class_names = list(class_names)
        if note:
            show(f"Note      {note}.")
    return class_names


def _labelled(source, allowed, max_images, seed):
    """Rows of those with a label, int64 [m]; at most so many, by the seed."""
    labels = source.labels
    labelled = False if labels is None else labels != -1
    rows = np.flatnonzero(allowed & labelled)
    if len(rows) == 0:
        raise InputError(
            f"{source.name} has no labelled images to score: say "
            "--eval_data=IMAGES, with --eval_labels=labels.csv unless its "
            "sub-folders are the classes."
        )
    if max_images and len(rows) > max_images:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(rows)[:max_images])
    return rows


def _subtitle(scores, source, config, trained):
    imported = not config.classifies
    kind = "imported" if imported else words.method(config)
    top5 = scores["top5"]
    parts = [] if top5 is None else [f"top-5 {report.cell(top5, 'top5')}"]
    parts += [
        f"calibration error {report.cell(scores['ece'], 'ece')}",
        short_name(source.name),
        f"{kind} {backbones.describe(config.model)}, "
        f"{trained.image_size} pixels, step {trained.step:,}",
    ]
    return "  \u00b7  ".join(parts)


def _mistakes(part, logits):
    """The most confident ones, for the picture."""
    predicted, confidence = classification.predict(logits)
    wrong = np.flatnonzero(
        (predicted != part.labels) & (part.labels != UNKNOWN_CLASS)
    )
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    return [
        (
            part.reader.load(part.rows[i])[0],
            part.labels[i],
            predicted[i],
            confidence[i],
        )
        for i in wrong
    ]


def _json(results):
    """Readable JSON; a row of the confusion matrix on a line."""
    return (
        re.sub(
            r"\[\s+([\d,\s]+?)\s+\]",
            lambda numbers: f"[{' '.join(numbers[1].split())}]",
            json.dumps(results, indent=2),
        )
        + "\n"
    )
