"""MODEL_CARD.md: what an exported net is, and what it was not tested on."""

import datetime
import importlib.metadata
import shlex

import tensorflow as tf

from simclr.data.images import center_crop
from simclr.evaluation import report
from simclr.export import check
from simclr.export.formats import FORMATS
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
# {run_folder.run_name(run)}: {backbones.describe(config.model)}

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
    return f"""\
- Data: {config.data.source}, {facts["data"]["images"]:,} images.
- Task: {config.task}, {config.epochs:g} epochs, batches of \
{config.batch_size:,}, seed {config.seed}.
- Optimizer: {config.optimizer.name}, base_lr {config.optimizer.base_lr:g}.
- Precision in training: {config.train.precision}."""


def _classes(net):
    if not net.class_names:
        return ""
    return "The probabilities' columns are named by `classes.json`.\n"


def _scores(run, step):
    """The rows of results.json, baselines among them."""
    results = run_folder.read_json(run, "results.json")
    if not results:
        return f"None: `simclr evaluate {shlex.quote(run)}` was not run."
    of = results["images"]["score"]
    words = f"On {of['count']:,} images of {of['source']}"
    if results["step"] != step:
        words += f", of step {results['step']:,}, not the exported one"
    if any("top1" in row for row in results["rows"]):
        table = "\n".join(
            report.classifier_table(row, of["count"]) for row in results["rows"]
        )
    else:
        table = report.results_table(results["rows"])
    return f"{words}:\n\n```\n{table}\n```"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
