"""`simclr evaluate`: scores a finished or running run, with a picture."""

import json
import os
import sys
import time

from simclr import config as config_lib
from simclr.commands.use import scored
from simclr.config import words
from simclr.data import batches
from simclr.engines.strategies import make_strategy
from simclr.evaluation import health, knn, report
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.probe import fit_probe
from simclr.evaluation.split import split
from simclr.inference import features
from simclr.inference.forward import Infer, in_batches
from simclr.messages.errors import InputError
from simclr.messages.names import short_name
from simclr.models import backbones
from simclr.pictures import run as run_pictures
from simclr.runs import folder as run_folder
from simclr.runs import metrics, weights
from simclr.storage.whole import write_whole

_PAIRS = 1024  # Images whose two views measure alignment.
# A step that no run reaches: views it was not trained on.
_NEVER_TRAINED = 1 << 40
_LOOKED = 20_000  # Images whose health and neighbours are looked at.


def run(
    workdir,
    *,
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    max_images=200_000,
    baselines=True,
    strategy_kind="auto",
    replicas=0,
):
    """Scores a run on this machine's devices; see `simclr evaluate --help`.

    Returns, raises: as `score`.
    """
    run_folder.read_config(
        workdir
    )  # What is no run stops before a device starts.
    strategy, devices = make_strategy(strategy_kind, replicas)
    print(f"Devices   {devices}")
    return score(
        workdir,
        strategy,
        data=data,
        labels=labels,
        eval_data=eval_data,
        eval_labels=eval_labels,
        max_images=max_images,
        baselines=baselines,
    )


def score(
    workdir,
    strategy,
    *,
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    max_images=200_000,
    baselines=True,
    out="",
    again=True,
):
    """Scores the encoder of a run's newest checkpoint.

    Prints tables and writes results.json, neighbours.png and summary.png into
    the run folder; with other images than the run's, results_NAME.json and so
    on, NAME after the images; of a classifier's run, results_features.json.

    Args:
        workdir: run folder.
        strategy: tf.distribute strategy.
        data, labels, eval_data, eval_labels, max_images, baselines: see
            `simclr evaluate --help`.
        out: folder for the files, which are then called results.json and so
            on whatever the images; "": the run folder.
        again: whether to score what the files hold the score of already: the
            same weights, images and labels.

    Returns:
        The dict written to results.json.

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
    of_parts = {"fit": parts.fit, "score": parts.score, "look": parts.look}
    identity = scored.identity(workdir, **of_parts)
    identity["baselines"] = baselines
    suffix = "" if config.task == "pretrain" else "_features"
    if (data or eval_data) and not (imported or out):
        suffix += f"_{run_folder.run_name(data or eval_data)}"
    path = os.path.join(out or workdir, f"results{suffix}.json")
    if not again and (results := scored.before(path, identity)):
        print(f"Scored    before: {path}")
        return results
    trained = weights.load_encoder(workdir, strategy)
    step = trained.step
    print(f"{workdir}, step {step}")
    print(f"Images    {_words(parts)}")
    if parts.score is not None and parts.note:
        print(f"Note      {parts.note}.")
    encoders = _encoders(trained, strategy, baselines)
    view1, view2 = batches.sample_views(
        reader,
        seed=config.seed,
        step=_NEVER_TRAINED,
        count=min(_PAIRS, len(reader.source)),
        image_size=config.data.image_size,
        augment=config.augment,
    )
    look, look_h = _embed(config, encoders, parts.look)
    rows = {
        name: {
            "name": name,
            "dims": h.shape[1],
            **health.health(
                h,
                in_batches(encoders[name], view1),
                in_batches(encoders[name], view2),
            ),
        }
        for name, h in look_h.items()
    }
    if parts.score is not None:
        accuracies = _accuracies(config, encoders, parts, baselines)
        names = [*(name for name in accuracies if name not in rows), *rows]
        rows = {
            name: {"name": name, **rows.get(name, {}), **accuracies[name]}
            for name in names
        }
    rows = list(rows.values())

    if parts.score is not None:
        print(report.results_table(rows), end="\n\n")
    print(report.health_table(rows))
    for warning in health.diagnose(rows[-1], rows[-1]["dims"], len(look)):
        print(f"Warning: {warning}")
    results = {
        "step": step,
        "identity": identity,
        "images": scored.counts(**of_parts),
        "rows": rows,
    }
    write_whole(path, json.dumps(results, indent=2) + "\n")
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
    print(f"Look at {summary}")
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
        f"{net}, batch {config.batch_size:,}, {config.epochs:g} epochs, step "
        f"{step:,}"
    )


def _on_terminal():
    """Bars are for people; a log keeps the results alone."""
    return sys.stderr.isatty()


def _encoders(trained, strategy, baselines):
    """Name -> function of a batch of images, the trained one last."""
    nets = {"trained encoder": trained.model}
    if baselines:
        fresh = weights.encoder_from(trained.config, strategy=strategy)
        nets = {"untrained encoder": fresh, **nets}
    return {name: Infer(net, strategy) for name, net in nets.items()}


def _embed(config, encoders, part):
    """The part as far as it can be read, and a dict of features h."""
    read, h = features.embed_part(
        lambda views: {name: f(views) for name, f in encoders.items()},
        part,
        image_size=config_lib.eval_image_size(config),
        progress=_on_terminal(),
    )
    if len(read) < len(part):
        print(
            f"{len(part) - len(read)} unreadable images of "
            f"{part.reader.source.name} are left out."
        )
    return read, h


def _accuracies(config, encoders, parts, baselines):
    """kNN and linear probe, top-1 and top-5: dict of name -> dict."""
    if baselines:
        encoders = {"raw pixels": features.raw_pixels, **encoders}
    fit, fit_h = _embed(config, encoders, parts.fit)
    score, score_h = _embed(config, encoders, parts.score)
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
        for name in encoders
    }


def _accuracy(fit_h, fit_labels, score_h, score_labels, num_classes):
    started = time.monotonic()
    votes = knn.knn_predict(fit_h, fit_labels, score_h, num_classes)
    probe = fit_probe(fit_h, fit_labels, num_classes, progress=_on_terminal())
    logits = probe.scores(score_h)
    if probe.note:
        print(probe.note)
    return {
        f"{kind}_top{k}": top_k_accuracy(scores, score_labels, k)
        for kind, scores in (("knn", votes), ("linear", logits))
        for k in (1, 5)
        if k < num_classes
    } | {"seconds": time.monotonic() - started}
