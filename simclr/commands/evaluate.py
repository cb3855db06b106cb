"""`simclr evaluate`: scores a finished or running run, with a picture."""

import dataclasses
import json
import os
import sys
import time

import numpy as np

from simclr.data import pipeline
from simclr.data.reader import Reader
from simclr.data.sources import open_source
from simclr.evaluation import features, health, knn, pictures, report
from simclr.evaluation.probe import linear_probe
from simclr.evaluation.split import split
from simclr.training import checkpoint, metrics, rundir
from simclr.training.inference import Encode
from simclr.training.strategy import make_strategy
from simclr.training.tasks import Pretrain

_PAIRS = 1024  # Images whose two views measure alignment.
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
    found = checkpoint.read_newest(rundir.checkpoints(workdir), warn=_say)
    if found is None:
        raise ValueError(f"{workdir} has no checkpoint yet.")
    step, arrays = found
    facts = rundir.read_facts(workdir)
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
    _say(
        f"{workdir}, step {step}: fit on {len(fit.rows):,} images, "
        f"score {len(score.rows):,} ({devices})"
    )
    if score.labels is None:
        _say("No labels: health only. kNN and the probe need a few labels.")

    with strategy.scope():
        task = Pretrain(
            config,
            num_examples=facts["data"]["images"],
            num_classes=len(facts["classes"] or ()),
        )
    encode = Encode(task.encoder, strategy)
    pairs = pipeline.sample_views(
        reader,
        seed=config.seed,
        step=task.total_steps,
        count=min(_PAIRS, len(reader.source)),
        image_size=config.data.image_size,
        settings=config.augment,
    )
    embedder = _Embedder(config, fit, score)
    rows = []
    if baselines:
        if score.labels is not None:
            rows.append(embedder.row("raw pixels", features.raw_pixels)[0])
        rows.append(
            embedder.row("untrained encoder", encode, pairs)[0]
        )
    checkpoint.assign(task.state, arrays)
    trained, h = embedder.row("trained encoder", encode, pairs)
    rows.append(trained)

    print(report.results_table(rows))
    for warning in trained["warnings"]:
        print(f"Warning: {warning}")
    results = {"step": step, "rows": rows}
    rundir.write(workdir, "results.json", json.dumps(results, indent=2) + "\n")
    _draw(workdir, config, score, h, rows, pairs)
    print(f"Look at {os.path.join(workdir, 'summary.png')}")
    return results
