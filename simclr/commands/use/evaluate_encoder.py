"""`simclr evaluate` of an encoder: kNN, linear probe, health, neighbours."""

import json
import os
import time

from simclr.commands.unreadable import list_unreadable
from simclr.commands.use import scored
from simclr.config import words
from simclr.data import batches
from simclr.engines.strategies import is_chief
from simclr.engines.workers import Workers
from simclr.evaluation import MAX_IMAGES, health, knn, report
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.probe import fit_probe
from simclr.evaluation.split import few, split
from simclr.inference import features
from simclr.inference.features import in_batches
from simclr.inference.forward import Infer
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.names import short_name
from simclr.messages.say import show
from simclr.models import backbones
from simclr.pictures import run as run_pictures
from simclr.runs import folder as run_folder
from simclr.runs import metrics, weights
from simclr.storage.whole import write_whole

RAW_PIXELS, UNTRAINED = "raw pixels", "untrained encoder"
BASELINES = (RAW_PIXELS, UNTRAINED)
_PAIRS = 1024  # Images whose two views measure alignment.
# A step that no run reaches: views it was not trained on.
_NEVER_TRAINED = 1 << 40
_LOOKED = 20_000  # Images whose health and neighbours are looked at.


def score(
    workdir,
    strategy,
    *,
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    max_images=MAX_IMAGES,
    baselines=BASELINES,
    out="",
    again=True,
):
    """Scores the encoder of a run's newest checkpoint.

    Prints tables and writes results.json, neighbours.png and summary.png into
    the run folder; with other images than the run's, or than the first that
    imported weights were scored on, results_NAME.json and so on, NAME after
    the images; of a classifier's run, results_features.json.

    Args:
        workdir: run folder.
        strategy: tf.distribute strategy, or PjrtDevices.
        data, labels, eval_data, eval_labels, max_images: see
            `simclr evaluate --help`.
        baselines: those of BASELINES that are scored beside it.
        out: folder for the files, which are then called results.json and so
            on whatever the images; "": the run folder.
        again: whether to score what the files hold the score of already: the
            same weights, images and labels.

    Returns:
        The dict written to results.json; None on a worker that is not the
        chief.

    Raises:
        InputError: no run, no checkpoint, or data that cannot be scored,
            such as `eval_data` without labels.
    """
    config = run_folder.read_config(workdir)
    imported = run_folder.read_facts(workdir).get("imported")
    if imported and not data:
        raise InputError(
            f"{workdir} holds imported weights and has no images of its own: "
            "say --data=IMAGES."
        )
    reader, eval_reader = scored.readers(
        config.data, data, labels, eval_data, eval_labels
    )
    parts = split(
        reader,
        eval_reader,
        limit=max_images,
        look_limit=_LOOKED,
        seed=config.seed,
    )
    if eval_data and parts.score is None:
        raise InputError(f"{parts.note}.")
    of = scored.named(data, eval_data)
    identity = scored.identity(
        workdir, of=of, fit=parts.fit, score=parts.score, look=parts.look
    )
    identity["baselines"] = list(baselines)
    suffix = "_features" if config.classifies else ""
    if (data or eval_data) and not out:
        results = os.path.join(workdir, f"results{suffix}")
        suffix += scored.suffix(
            results, data or eval_data, of, imported=bool(imported)
        )
    path = os.path.join(out or workdir, f"results{suffix}.json")
    if not again and (results := scored.before(path, identity)):
        show(f"Scored    before: {path}")
        return results
    trained = weights.load_encoder(workdir, strategy)
    step = trained.step
    show(f"{workdir}, step {step}")
    show(f"Images    {_words(parts)}")
    if parts.score is not None and parts.note:
        show(f"Note      {parts.note}.")
    encoders = _encoders(trained, strategy, baselines)
    view1, view2 = batches.sample_views(
        reader,
        seed=config.seed,
        step=_NEVER_TRAINED,
        count=min(_PAIRS, len(reader.source)),
        image_size=config.data.image_size,
        augment=config.augment,
    )
    workers = Workers(strategy)
    found = _embed(encoders, parts, trained.image_size, workers, baselines)
    look, look_h = found["look"]
    rows = {
        name: {
            "name": name,
            "dims": h.shape[1],
            **health.health(
                h,
                in_batches(encoders[name], view1, workers),
                in_batches(encoders[name], view2, workers),
            ),
        }
        for name, h in look_h.items()
        if name in encoders
    }
    if not is_chief(strategy):
        return None
    if parts.score is not None:
        accuracies = _accuracies(*found["fit"], *found["score"])
        names = [*(name for name in accuracies if name not in rows), *rows]
        rows = {
            name: {"name": name, **rows.get(name, {}), **accuracies[name]}
            for name in names
        }
    rows = list(rows.values())

    if parts.score is not None:
        if note := few(found["score"][0]):
            show(f"Note      {note}.")
        show(f"{report.results_table(rows)}\n")
    show(report.health_table(rows))
    for warning in health.diagnose(rows[-1], rows[-1]["dims"], len(look)):
        show(f"Warning: {warning}")
    results = {
        "step": step,
        "identity": identity,
        "images": scored.counts(
            **{name: part for name, (part, _) in found.items()}
        ),
        "rows": rows,
    }
    write_whole(path, json.dumps(results, indent=2) + "\n")
    for name, seen in (("", reader), ("_eval", eval_reader)):
        list_unreadable(
            os.path.join(out or workdir, f"unreadable{suffix}{name}.tsv"),
            seen.bad if seen else {},
        )
    summary = run_pictures.draw(
        out or workdir,
        suffix,
        title=_title(workdir, config, imported),
        subtitle=_subtitle(config, step, imported),
        part=look,
        h=look_h["trained encoder"],
        rows=rows,
        views=(view1, view2),
        history=metrics.read(os.path.join(workdir, "metrics.jsonl")),
        seed=config.seed,
    )
    show(f"Look at {summary}")
    return results


def _words(parts):
    """What is evaluated, in one line."""
    if parts.score is None:
        why = parts.note or "no labels (--labels=labels.csv gives them)"
        return (
            f"{len(parts.look):,} of {parts.look.reader.source.name}; {why}: "
            "health and neighbours only"
        )
    return (
        f"fit on {len(parts.fit):,} of {parts.fit.reader.source.name}, score "
        f"{len(parts.score):,} of {parts.score.reader.source.name}, in "
        f"{len(parts.fit.reader.source.class_names)} classes"
    )


def _title(workdir, config, imported):
    """The run as its user calls it, and what it is."""
    name = os.path.basename(os.path.abspath(workdir))
    if imported:
        return f"{name}: imported weights"
    images = short_name(config.data.source)
    return f"{name}: {words.method(config)} on {images}"


def _subtitle(config, step, imported):
    net = f"{backbones.describe(config.model)}, {config.data.image_size} pixels"
    if imported:
        return f"{net}, from {os.path.basename(imported['path'])}"
    return (
        f"{net}, batch {config.batch_size:,}, "
        f"{counted(config.epochs, 'epoch')}, step {step:,}"
    )


def _encoders(trained, strategy, baselines):
    """Name -> function of a batch of images, the trained one last."""
    nets = {"trained encoder": trained.model}
    if UNTRAINED in baselines:
        fresh = weights.encoder_from(trained.config, strategy=strategy)
        nets = {UNTRAINED: fresh, **nets}
    return {name: Infer(net, strategy) for name, net in nets.items()}


def _embed(encoders, parts, image_size, workers, baselines):
    """Every image once, though it may be of several parts.

    Returns:
        dict of a part's name -> (the Part as far as it can be read, dict of
        features h by the encoders' names).
    """
    nets = encoders
    if RAW_PIXELS in baselines and parts.score is not None:
        nets = {RAW_PIXELS: features.raw_pixels, **encoders}
    names = [n for n in ("fit", "score", "look") if getattr(parts, n)]
    return features.embed_parts(
        nets,
        {name: getattr(parts, name) for name in names},
        image_size=image_size,
        workers=workers,
    )


def _accuracies(fit, fit_h, score, score_h):
    """kNN and linear probe, top-1 and top-5: dict of name -> dict."""
    return {
        name: {
            "dims": fit_h[name].shape[1],
            **_accuracy(
                fit_h[name],
                fit.labels,
                score_h[name],
                score.labels,
                len(fit.reader.source.class_names),
            ),
        }
        for name in fit_h
    }


def _accuracy(fit_h, fit_labels, score_h, score_labels, num_classes):
    started = time.monotonic()
    votes = knn.knn_predict(fit_h, fit_labels, score_h, num_classes)
    probe = fit_probe(fit_h, fit_labels, num_classes, progress=True)
    logits = probe.scores(score_h)
    if probe.note:
        show(probe.note)
    return {
        f"{kind}_top{k}": top_k_accuracy(scores, score_labels, k)
        for kind, scores in (("knn", votes), ("linear", logits))
        for k in (1, 5)
        if k < num_classes
    } | {"seconds": time.monotonic() - started}
