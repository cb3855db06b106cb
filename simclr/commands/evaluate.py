"""`simclr evaluate`: scores a finished or running run, with a picture."""

import json
import os
import sys
import time

import keras
import numpy as np

from simclr import config as config_lib
from simclr.data import pipeline
from simclr.data.reader import Reader
from simclr.data.sources import open_source
from simclr.evaluation import features, health, knn, pictures, report
from simclr.evaluation.probe import fit_probe
from simclr.evaluation.split import split
from simclr.evaluation.summary import summary_picture
from simclr.training import checkpoint, metrics, rundir
from simclr.training.inference import Encode, in_batches
from simclr.training.strategy import make_strategy
from simclr.training.tasks import build_encoder

_PAIRS = 1024  # Images whose two views measure alignment.
# A step that no run reaches: views it was not trained on.
_NEVER_TRAINED = 1 << 40
_UNLABELLED = 20_000  # Images looked at where there are no labels.
_QUERIES = 6  # Rows on the sheet of neighbours.
_NEIGHBOURS = 8


def run(
    workdir,
    *,
    data="",
    labels="",
    eval_data="",
    baselines=True,
    strategy_kind="auto",
    replicas=0,
):
    """Scores the newest checkpoint of a run; see `simclr evaluate --help`.

    Prints a table and writes results.json, neighbours.png and summary.png into
    the run folder.

    Returns:
        The dict written to results.json.

    Raises:
        ValueError: no run, no checkpoint, or data that cannot be scored.
    """
    config = rundir.read_config(workdir)
    found = checkpoint.read_newest(rundir.checkpoints(workdir), warn=print)
    if found is None:
        raise ValueError(f"{workdir} has no checkpoint yet.")
    step, arrays = found
    imported = rundir.read_facts(workdir).get("imported")
    if imported and not data:
        raise ValueError(
            f"{workdir} holds imported weights and has no images of its own: "
            "say --data=IMAGES."
        )
    strategy, devices = make_strategy(strategy_kind, replicas)
    reader = Reader(
        open_source(
            data or config.data.source,
            labels=labels or ("" if data else config.data.labels),
        )
    )
    eval_data = eval_data or ("" if data else config.data.eval_source)
    eval_reader = None
    if eval_data:
        eval_reader = Reader(
            open_source(eval_data, labels=config.data.eval_labels)
        )
    fit, score = split(reader, eval_reader, seed=config.seed)
    if score.labels is None:
        fit, score = split(reader, limit=_UNLABELLED, seed=config.seed)
    if score.labels is None:
        print(
            f"{workdir}, step {step}: {len(score.rows):,} images without "
            "labels: health and neighbours. kNN and the probe need some "
            "(--labels=labels.csv)."
        )
    else:
        print(
            f"{workdir}, step {step}: fit on {len(fit.rows):,} images, "
            f"score {len(score.rows):,} ({devices})"
        )

    encoders = _encoders(config, arrays, strategy, baselines)
    if baselines and score.labels is not None:
        encoders = {"raw pixels": features.raw_pixels, **encoders}
    fit_h = {} if fit.labels is None else _embed(config, encoders, fit)
    score_h = _embed(config, encoders, score)
    view1, view2 = pipeline.sample_views(
        reader,
        seed=config.seed,
        step=_NEVER_TRAINED,
        count=min(_PAIRS, len(reader.source)),
        image_size=config.data.image_size,
        settings=config.augment,
    )
    rows = []
    for name, encode in encoders.items():
        row = {"name": name, "dims": score_h[name].shape[1]}
        if fit.labels is not None:
            num_classes = len(fit.reader.source.class_names)
            row |= _accuracies(
                fit_h[name], fit, score_h[name], score, num_classes
            )
        if name != "raw pixels":
            pair = in_batches(encode, view1), in_batches(encode, view2)
            row |= health.health(score_h[name], *pair)
        rows.append(row)

    print(report.results_table(rows))
    print(_health_line(rows[-1]))
    for warning in health.diagnose(rows[-1], rows[-1]["dims"]):
        print(f"Warning: {warning}")
    results = {"step": step, "rows": rows}
    rundir.write(workdir, "results.json", json.dumps(results, indent=2) + "\n")
    _draw(
        workdir,
        config,
        score,
        score_h["trained encoder"],
        rows,
        view1,
        view2,
        imported,
    )
    print(f"Look at {os.path.join(workdir, 'summary.png')}")
    return results


def _on_terminal():
    """Bars are for people; a log keeps the results alone."""
    return sys.stderr.isatty()


def _encoders(config, arrays, strategy, baselines):
    """Name -> function of a batch of images, the trained one last."""
    encoders = {}
    names = ["untrained encoder"] if baselines else []
    for name in [*names, "trained encoder"]:
        with strategy.scope():
            keras.utils.set_random_seed(config.seed)
            keras.config.set_dtype_policy(config.train.precision)
            encoder = build_encoder(config)
        if name == "trained encoder":
            variables = checkpoint.named_variables(encoder=encoder)
            weights = {
                name: array
                for name, array in arrays.items()
                if name.startswith("encoder/")
            }
            checkpoint.assign(variables, weights)
        encoders[name] = Encode(encoder, strategy)
    return encoders


def _embed(config, encoders, part):
    """Name -> features of a part's images, in one pass over them."""
    return features.embed(
        lambda x: {name: encode(x) for name, encode in encoders.items()},
        part.reader,
        part.rows,
        image_size=config_lib.eval_image_size(config),
        progress=_on_terminal(),
    )


def _accuracies(fit_h, fit, score_h, score, num_classes):
    """kNN and linear probe, top-1 and top-5."""
    started = time.monotonic()
    votes = knn.knn_predict(fit_h, fit.labels, score_h, num_classes)
    probe = fit_probe(fit_h, fit.labels, num_classes, progress=_on_terminal())
    logits = probe.scores(score_h)
    if probe.note:
        print(probe.note)
    return {
        f"{kind}_top{k}": knn.top_k_accuracy(scores, score.labels, k)
        for kind, scores in (("knn", votes), ("linear", logits))
        for k in (1, 5)
        if k < num_classes
    } | {"seconds": time.monotonic() - started}


def _health_line(row):
    """The label-free figures in one line."""
    names = ("effective_rank", "alignment", "uniformity", "feature_std")
    shown = [f"{n.replace('_', ' ')} {row[n]:.3g}" for n in names if n in row]
    return f"Health of the trained encoder: {', '.join(shown)}"


def _draw(workdir, config, part, h, rows, view1, view2, imported):
    """summary.png and neighbours.png of the run."""
    neighbours = _neighbours(part, h, config.seed)
    pictures.neighbours_sheet(
        path=os.path.join(workdir, "neighbours.png"), **neighbours
    )
    trained = rows[-1]
    figures = ("effective_rank", "alignment", "uniformity", "feature_std")
    model = config.model
    history = metrics.read(os.path.join(workdir, "metrics.jsonl"))
    method = f"SimCLR on {config.data.source}"
    training = f"batch {config.batch_size}, {config.epochs:g} epochs"
    if imported:
        method = f"imported weights on {part.reader.source.name}"
        training = f"from {imported['path']}"
    summary_picture(
        os.path.join(workdir, "summary.png"),
        title=f"{os.path.basename(os.path.normpath(workdir))}: {method}",
        subtitle=f"ResNet-{model.depth} x{model.width:g}, "
        f"{config.data.image_size} pixels, {training}",
        metrics_rows=history,
        view1=view1,
        view2=view2,
        results=rows[::-1],
        facts=[(n.replace("_", " "), f"{trained[n]:.3g}") for n in figures],
        neighbours=neighbours,
    )


def _neighbours(part, h, seed):
    """Arguments of a sheet of neighbours; one query a class where known."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(h))
    if part.labels is not None:
        first = np.unique(part.labels[order], return_index=True)[1]
        order = order[rng.permutation(first)]
    queries = order[:_QUERIES]
    index, similarity = knn.neighbours(h, queries, _NEIGHBOURS)
    shown = {int(i) for i in np.concatenate([queries, index.ravel()])}
    return {
        "images": {i: part.reader.load(part.rows[i])[0] for i in shown},
        "query_idx": queries,
        "neighbour_idx": index,
        "similarities": similarity,
        "labels": part.labels,
        "class_names": part.reader.source.class_names,
    }
