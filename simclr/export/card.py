"""MODEL_CARD.md: what an exported net is, and what it was not tested on."""

import datetime
import glob
import importlib.metadata
import os
import shlex

import keras
import tensorflow as tf

from simclr.config import words
from simclr.data.images import center_crop
from simclr.evaluation import report
from simclr.export import check
from simclr.export.formats import FORMATS
from simclr.messages.names import run_name
from simclr.models import backbones
from simclr.runs import folder as run_folder

_PACKAGES = ("keras", "numpy", "tf2onnx", "ai-edge-litert")
_NOT_TESTED = """\
- Photos of another camera, place or time than those that it was scored on.
- Images that were damaged, drawn or changed on purpose.
- Whether it treats groups of people alike.
- Decisions about people, or where a mistake does harm."""


def text(run, net, parameters, found, source):
    """The card.

    Args:
        run: run folder.
        net: net.Net.
        parameters: int.
        found: dict of format -> largest difference, as check.differences.
        source: str, the images that the files were compared on.

    Returns:
        str, Markdown.
    """
    trained = net.trained
    config, facts = trained.config, run_folder.read_facts(run)
    size = trained.image_size
    shapes = ", ".join(
        f"`{name}` [n, {x.shape[-1]}]" for name, x in net.model.output.items()
    )
    files = "\n".join(
        f"| `{FORMATS[kind][0]}` | {kind} | {difference:.1e} |"
        for kind, difference in found.items()
    )
    versions = ", ".join(
        [f"tensorflow {tf.__version__}"]  # Its distribution has many names.
        + [f"{name} {v}" for name in _PACKAGES if (v := _version(name))]
    )
    stays = (
        f" An image of {size} x {size} pixels stays as it is."
        if size <= center_crop.LARGEST_UNTOUCHED
        else ""
    )
    return f"""\
# {run_name(run)}: {backbones.describe(config.model)}

Exported {datetime.date.today()} by simclr from step {trained.step:,} of the
run. {parameters:,} parameters, float32.

## Files

Images, uint8 [n, h, w, 3], of any size and number go in; {shapes} come out.
{_classes(net)}
The largest difference from the run's own outputs, a share of the outputs'
range, on {check.IMAGES} images of {source} at most:

| file | format | difference |
|---|---|---|
{files}
{_keras(found)}
## Preprocessing

It is part of every file. The central {center_crop.PROPORTION:g} of the shorter
side is cut out as a square and resized to {size} x {size} pixels (bicubic, a =
-0.5, without antialiasing). It is divided by 255 and clipped to [0, 1].
Normalization: {trained.normalization}.{stays}
A phone photo's EXIF orientation is not applied: turn the image first.

## Training

{_training(config, facts)}
- The whole recipe is the run's config.json.

## Scores

{_scores(run, trained.step)}

## Not tested on

{_NOT_TESTED}

## Versions

{versions}
"""


def _training(config, facts):
    if "imported" in facts:
        lines = ["Weights of others, imported by simclr.", *facts["notes"]]
        return "\n".join(f"- {line}" for line in lines)
    lines = [
        f"Data: {config.data.source}, {facts['data']['images']:,} images.",
        f"Task: {config.task} ({words.method(config)}), {config.epochs:g} "
        f"epochs, batches of {config.batch_size:,}, seed {config.seed}.",
        f"Optimizer: {config.optimizer.name}, base_lr "
        f"{config.optimizer.base_lr:g}.",
        f"Precision in training: {config.train.precision}.",
    ]
    if config.origins:
        others = ", ".join(config.origins)
        lines.append(f"Weights that it began with or learned from: {others}.")
    return "\n".join(f"- {line}" for line in lines)


def _keras(found):
    if "keras" not in found:
        return ""
    return f"\n`model.keras` needs Keras {keras.__version__} or a newer one.\n"


def _classes(net):
    if not net.class_names:
        return ""
    return "The probabilities' columns are named by `classes.json`.\n"


def _scores(run, step):
    """What `simclr evaluate` found, on whatever images, baselines among it."""
    found = [
        results
        for path in sorted(glob.glob(f"{glob.escape(run)}/results*.json"))
        if (results := run_folder.read_json(run, os.path.basename(path)))
        and "score" in results["images"]  # Else there were no labels.
    ]
    if not found:
        command = f"simclr evaluate {shlex.quote(run)}"
        return f"None: `{command}` has scored no labelled images."
    return "\n\n".join(_score(results, step) for results in found)


def _score(results, step):
    """The rows of one results.json."""
    of, rows = results["images"]["score"], results["rows"]
    said = f"On {of['count']:,} images of {of['source']}"
    if results["step"] != step:
        said += f", of step {results['step']:,}, not the exported one"
    if "top1" not in rows[0]:
        return f"{said}:\n\n```\n{report.results_table(rows)}\n```"
    table = report.classifier_table(rows[0], of["count"])
    counts = [each["count"] for each in rows[0]["per_class"]]
    always = report.cell(max(counts) / sum(counts), "top1")
    return (
        f"{said}:\n\n```\n{table}\n```\n\n"
        f"To say the commonest class of every image is right in {always}."
    )


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
