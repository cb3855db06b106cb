"""The numbers of a study's run: probes and answers, each taken once."""

import json
import os

import keras

from simclr.commands.use import scored
from simclr.commands.use.evaluate_classifier import match_classes
from simclr.engines.strategies import is_chief
from simclr.engines.workers import Workers
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.probe import fit_probe
from simclr.evaluation.split import Part, split
from simclr.inference.forward import Infer
from simclr.inference.parts import embed_part, embed_parts
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.runs import folder as run_folder
from simclr.runs import weight_arrays, weights
from simclr.storage import json_text
from simclr.storage.whole import write_whole
from simclr.studies.study import CLASSIFIER, ONLINE, PROJECTION

_FIVE = 5
MOST_IMAGES = 50_000  # That a probe is fitted on, and that are scored.


def score(run, scores, *, strategy, out):
    """Scores a run, except for what is there already.

    Args:
        run: run folder.
        scores: dict of column -> studies.study.Score.
        strategy: tf.distribute strategy, or PjrtDevices.
        out: folder; scores.json in it holds what was scored.

    Returns:
        dict of column -> top-1, share in [0, 1], COLUMN_top5 beside it where
        there are more than five classes, and "images", how many were scored.
        On a worker that is not the chief: None.

    Raises:
        InputError: images that cannot be scored.
    """
    path = os.path.join(out, "scores.json")
    known = json_text.read(path) if os.path.exists(path) else {}
    found = {}
    for column, wanted in scores.items():
        parts = _parts(run, wanted)
        identity = scored.identity(
            run, of=[wanted.of], fit=parts.fit, score=parts.score
        )
        before = known.get(column, {})
        if before.get("identity") == identity:
            found[column] = before
            continue
        result = _score(run, wanted.of, parts, strategy)
        if is_chief(strategy):
            found[column] = {"identity": identity, **result}
            text = json.dumps({**known, **found}, indent=2)
            write_whole(path, text + "\n")
    if not is_chief(strategy):
        return None
    row = {}
    for column, result in found.items():
        row |= {column: result["top1"], "images": result["images"]}
        if result["top5"] is not None:
            row[f"{column}_top5"] = result["top5"]
    show(", ".join(f"{c} {100 * f['top1']:.1f} %" for c, f in found.items()))
    return row


def _parts(run, wanted):
    """What is fitted on and what is scored, split.Parts."""
    config, data = run_folder.read_config(run), wanted.data
    reader, eval_reader = scored.readers(
        config.data,
        data.source,
        data.labels,
        data.eval_source,
        data.eval_labels,
    )
    parts = split(reader, eval_reader, limit=MOST_IMAGES, seed=config.seed)
    if parts.score is None:
        raise InputError(
            f"{data.source} and {data.eval_source or 'nothing held out'} "
            f"cannot be scored: {parts.note or 'they have no labels'}."
        )
    return parts


def _score(run, of, parts, strategy):
    """dict of "top1", "top5" (None of five classes or fewer) and "images"."""
    if of in (CLASSIFIER, ONLINE):
        part, logits = _answers(run, of, parts.score, strategy)
    else:
        part, logits = _probed(run, of, parts, strategy)
    if not is_chief(strategy):
        return None
    many = logits.shape[1] > _FIVE
    return {
        "top1": top_k_accuracy(logits, part.labels),
        "top5": top_k_accuracy(logits, part.labels, _FIVE) if many else None,
        "images": len(part),
    }


def _answers(run, of, part, strategy):
    """(Part, logits [m, k]) of a classifier, or of the probe beside a run."""
    if of == CLASSIFIER:
        trained = weights.load_classifier(run, strategy)
        names, count = trained.class_names, trained.num_classes
    else:
        trained = weights.load_encoder(run, strategy)
        _, arrays = weight_arrays.read(run)
        if "probe/probe/kernel" not in arrays:
            raise InputError(f"{run} has no online probe: it had no labels.")
        kernel, bias = (arrays[f"probe/probe/{x}"] for x in ("kernel", "bias"))
        names, count = run_folder.read_facts(run)["classes"], len(bias)
    source = part.reader.source
    match_classes(source, names, count)
    part = Part(part.reader, part.rows, source.labels[part.rows])
    part, logits = embed_part(
        Infer(trained.model, strategy),
        part,
        image_size=trained.image_size,
        workers=Workers(strategy),
    )
    if of == ONLINE:
        logits = logits @ kernel + bias
    return part, logits


def _probed(run, of, parts, strategy):
    """(Part, logits [m, k]) of a linear probe on features or projections."""
    trained = weights.load_encoder(run, strategy)
    model = trained.model
    if of == PROJECTION and trained.config.model.head_layers:  # Else z is h.
        whole = weights.load_parts(run)
        z = whole.models["head"](whole.model.output)["z"]
        model = keras.Model(whole.model.input, z)
    found = embed_parts(
        Infer(model, strategy),
        {"fit": parts.fit, "score": parts.score},
        image_size=trained.image_size,
        workers=Workers(strategy),
    )
    (fit, fit_h), (part, h) = found["fit"], found["score"]
    count = len(fit.reader.source.class_names)
    return part, fit_probe(fit_h, fit.labels, count, progress=True).scores(h)
