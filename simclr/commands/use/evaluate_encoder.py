"""`simclr evaluate` of an encoder: kNN, linear probe, health, neighbours."""

import json
import os
import time

from simclr.commands.unreadable import list_unreadable
from simclr.commands.use import compared, scored
from simclr.commands.use.compared import RAW_PIXELS, TRAINED, UNTRAINED
from simclr.config import words
from simclr.engines.strategies import is_chief
from simclr.engines.workers import Workers
from simclr.evaluation import MAX_IMAGES, agreement, health, knn, report
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.probe import fit_probe
from simclr.evaluation.split import few, split
from simclr.inference.features import in_batches
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.names import short_name
from simclr.messages.say import show
from simclr.models import backbones
from simclr.pictures import run as run_pictures
from simclr.runs import folder as run_folder
from simclr.runs import metrics, weights
from simclr.storage.whole import write_whole

BASELINES = (RAW_PIXELS, UNTRAINED)
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
    beside=(),
    preprocessing="",
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
        beside, preprocessing: other nets that are, and how those in files take
            their images; see compared.open_baselines.
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
    others = compared.open_baselines(beside, preprocessing, strategy)
    identity["baselines"] = [*baselines, *(net.digest for net in others)]
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
    scored.require_writable(out or workdir)
    trained = weights.load_encoder(workdir, strategy)
    step = trained.step
    show(f"{workdir}, step {step}")
    show(f"Images    {_words(parts)}")
    if parts.score is not None and parts.note:
        show(f"Note      {parts.note}.")
    if parts.score is None and not others:  # Pixels have no health.
        baselines = [name for name in baselines if name != RAW_PIXELS]
    *own, last = compared.of_run(trained, strategy, baselines)
    nets = [*own, *others, last]
    views = compared.views(nets, reader, config)
    workers = Workers(strategy)
    found = compared.embed(nets, parts, workers)
    look, look_h = found["look"]
    rows = {net.name: {"name": net.name} for net in nets}
    for net in nets:
        if net.name != RAW_PIXELS:
            rows[net.name] |= _health(net, look_h, views, workers)
    if not is_chief(strategy):
        return None
    if parts.score is not None:
        for name, row in _accuracies(*found["fit"], *found["score"]).items():
            rows[name] |= row
    if others:
        for name, share in _agreements(look_h).items():
            rows[name]["agreement"] = share
    rows = list(rows.values())

    if parts.score is not None:
        if note := few(found["score"][0]):
            show(f"Note      {note}.")
        show(f"{report.results_table(rows)}\n")
    show(report.health_table(rows))
    if others:
        show(_agreement_words(len(look)))
    for warning in health.diagnose(
        rows[-1], rows[-1]["dims"], len(look), look.alike
    ):
        show(f"Warning: {warning}")
    results = {
        "step": step,
        "identity": identity,
        "images": scored.counts(
            **{name: part for name, (part, _) in found.items()}
        ),
        "rows": rows,
    }
    for name, seen in (("", reader), ("_eval", eval_reader)):
        list_unreadable(
            os.path.join(out or workdir, f"unreadable{suffix}{name}.tsv"),
            seen.bad if seen else {},
        )
    summary = run_pictures.draw(
        out or workdir,
        suffix,
        title=_title(workdir, config, imported, rows[-1]),
        subtitle=_subtitle(config, step, imported),
        part=look,
        h=look_h[TRAINED],
        rows=rows,
        views=views[config.data.image_size],
        history=metrics.read(os.path.join(workdir, "metrics.jsonl")),
        seed=config.seed,
    )
    # Last: where it is, all else is (scored.before).
    write_whole(path, json.dumps(results, indent=2) + "\n")
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


def _title(workdir, config, imported, trained):
    """The run as its user calls it, and what it knows; else what it is."""
    name = os.path.basename(os.path.abspath(workdir))
    if "knn_top1" in trained:
        return (
            f"{name}: {100 * trained['knn_top1']:.1f} % by kNN, "
            f"{100 * trained['linear_top1']:.1f} % by a linear probe"
        )
    return f"{name}: {_what(config, imported)}"


def _what(config, imported):
    if imported:
        return "imported weights"
    return f"{words.method(config)} on {short_name(config.data.source)}"


def _subtitle(config, step, imported):
    net = f"{backbones.describe(config.model)}, {config.data.image_size} pixels"
    if imported:
        return f"{net}, from {os.path.basename(imported['path'])}"
    return (
        f"{_what(config, imported)}, {net}, batch {config.batch_size:,}, "
        f"{counted(config.epochs, 'epoch')}, step {step:,}"
    )


def _health(net, h, views, workers):
    """Figures of a net's features: a dict."""
    view1, view2 = views[net.view_size]
    return {
        "dims": h[net.name].shape[1],
        **health.health(
            h[net.name],
            in_batches(net.encoder, view1, workers),
            in_batches(net.encoder, view2, workers),
        ),
    }


def _agreements(h):
    """Of the trained encoder with each other net: dict of name -> share."""
    others = {name: x for name, x in h.items() if name != TRAINED}
    return agreement.agreements(h[TRAINED], others)


def _agreement_words(count):
    """What the column of agreement is, in one line."""
    k = agreement.NEIGHBOURS
    return (
        f"Agreement: of the {k} images nearest to each of {count:,} by the "
        f"trained encoder, how many are so by the other, too; by chance "
        f"{agreement.by_chance(count):.1%}"
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
