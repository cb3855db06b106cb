"""`simclr pipeline`: all stages of a recipe, each evaluated, then one table."""

import dataclasses
import json
import os
import time

import numpy as np

from simclr.commands.train import launch
from simclr.commands.train.finetune import write_labels
from simclr.commands.use import evaluate, evaluate_classifier
from simclr.config.stages import linked, load, with_pretrained
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import is_chief, make_strategy
from simclr.evaluation import report
from simclr.inference.forward import Infer
from simclr.inference.speed import images_per_second
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.models.variables import count_parameters
from simclr.pictures import stages
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder

_BATCH = 256  # Images, to measure speed with.
# What a row of the table is, by the stage and whether it had weights to start.
_KINDS = {
    ("pretrain", False): "linear probe",
    ("pretrain", True): "linear probe",
    ("finetune", False): "supervised",
    ("finetune", True): "fine-tuned",
    ("distill", False): "distilled",
    ("distill", True): "distilled",
}


def run(
    *,
    recipe,
    data="",
    labels="",
    label_fraction=0.0,
    eval_data="",
    eval_labels="",
    pretrained="",
    overrides=(),
    workdir="",
    strategy_kind="auto",
    replicas=0,
    engine="tensorflow",
    max_hours=0.0,
):
    """Runs what is not done yet; see `simclr pipeline --help`.

    Every stage has a run folder, WORKDIR/NAME, and is skipped when it is
    finished and evaluated. The few labels lie in WORKDIR/labels.csv; the
    table in WORKDIR/stages.json and stages.png.

    Returns:
        "" when all is done, else why it stopped early (saved).

    Raises:
        ValueError: bad input, before any work.
    """
    pipeline = load(recipe, overrides)
    pretrained = launch.absolute_run(pretrained)
    if pretrained:
        pipeline = with_pretrained(pipeline, run_folder.read_config(pretrained))
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    say = launch.speaker(strategy)
    workdir = os.path.abspath(workdir or default_workdir(recipe))
    images = launch.with_data(
        launch.data_of_run(pretrained, data, same_classes=False)
        if pretrained
        else next(iter(pipeline.stages.values())).data,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    _require_labels(images)
    fraction = label_fraction or pipeline.label_fraction
    few = images.labels
    if fraction:
        few = write_labels(images, fraction, pipeline.seed, workdir, strategy)
    say(f"Pipeline  {recipe}: {', '.join(pipeline.stages)}, in {workdir}")
    say(f"Labels    {few or 'all of ' + images.source}")
    started = time.monotonic()
    rows, folders = [], {}
    for name, config in pipeline.stages.items():
        if config.task == "pretrain" and pretrained:
            folders[name] = pretrained
            say(f"\nStage     {name}: {pretrained}")
        else:
            folders[name] = os.path.join(workdir, name)
            config = _with_data(linked(config, folders), images, few)
            done = _is_finished(config, folders[name])
            say(f"\nStage     {name}{': done before' if done else ''}")
            stopped = (
                ""
                if done
                else launch.train(
                    config,
                    folders[name],
                    strategy,
                    devices=devices,
                    notes=[f"stage {name} of {recipe}"],
                    overrides=overrides,
                    max_hours=_hours_left(max_hours, started),
                )
            )
            if stopped:
                return stopped
        if is_chief(strategy):
            scored = bool(images.eval_source or fraction)
            out = os.path.join(workdir, name)
            rows.append(
                _row(name, folders[name])
                | {"top1": _top1(folders[name], out, few, strategy, scored)}
            )
    if is_chief(strategy):
        sizes = _sizes(folders, strategy)
        rows = [row | sizes[row["name"]] for row in rows]
        _report(workdir, rows, few)
    return ""


def _require_labels(images):
    """Images to score that have no labels stop a pipeline before its work."""
    if images.eval_source:
        source = open_source(images.eval_source, labels=images.eval_labels)
        if source.labels is None:
            raise InputError(
                f"{source.name} has no labels to score by: give "
                "--eval_labels=labels.csv, or leave --eval_data out."
            )


def default_workdir(recipe):
    """Where a pipeline's runs lie; a recipe of one task may have its name."""
    return os.path.join("runs", f"{run_folder.run_name(recipe)}_pipeline")


def _with_data(config, images, few):
    """A stage's config on the user's images; later stages have few labels."""
    images = launch.sized(images, config)
    if config.task != "pretrain":
        images = dataclasses.replace(images, labels=few)
    return dataclasses.replace(config, data=images)


def _is_finished(config, workdir):
    """Whether a run folder holds this very stage, and its end.

    Another config is refused when the stage begins.
    """
    return (
        run_folder.is_finished(workdir)
        and run_folder.read_config(workdir) == config
    )


def _hours_left(max_hours, started):
    """What is left of --max_hours; 0: no limit."""
    if not max_hours:
        return 0.0
    return max(max_hours - (time.monotonic() - started) / 3600, 1e-9)


def _row(name, run):
    """What a stage is, for the table."""
    config = run_folder.read_config(run)
    return {
        "name": name,
        "kind": _KINDS[config.task, bool(config.init)],
        "net": backbones.describe(config.model),
    }


def _top1(run, out, few, strategy, scored):
    """A stage's accuracy; what has been evaluated before is not again.

    Args:
        run: run folder of the stage.
        out: folder for what the evaluation writes.
        few: the labels.csv that a linear probe is fitted on, or "".
        strategy: tf.distribute strategy.
        scored: whether there are labelled images to score.

    Returns:
        float, or None without labelled images.
    """
    path = os.path.join(out, "results.json")
    newest = checkpoint.finished(run_folder.checkpoints(run))[-1]
    if not os.path.exists(path) or (
        os.path.getmtime(path) < os.path.getmtime(newest)
    ):
        os.makedirs(out, exist_ok=True)
        if run_folder.read_config(run).task == "pretrain":
            evaluate.score(run, strategy, labels=few, baselines=False, out=out)
        elif scored:
            evaluate_classifier.score(run, strategy, out=out)
        else:
            print("Not scored: there are no held-out labels (--eval_data).")
            return None
    with open(path) as file:
        row = json.load(file)["rows"][-1]
    return row.get("top1", row.get("linear_top1"))


def _sizes(folders, strategy):
    """Parameters and images/s of every stage's net, in inference.

    All nets take turns, so that they meet the same noise.

    Returns:
        dict of name -> dict.
    """
    models, functions, batches = {}, {}, {}
    rng = np.random.default_rng(0)
    for name, folder in folders.items():
        encodes = run_folder.read_config(folder).task == "pretrain"
        load_net = weights.load_encoder if encodes else weights.load_classifier
        net = load_net(folder, strategy)
        models[name] = net.models
        functions[name] = Infer(net.model, strategy)
        side = net.image_size
        batches[name] = rng.random([_BATCH, side, side, 3], np.float32)
    speeds = images_per_second(functions, batches)
    return {
        name: {
            "parameters": count_parameters(models[name]),
            "images_per_second": speeds[name],
        }
        for name in folders
    }


def _report(workdir, rows, few):
    """The table, on the screen, as a file and as a picture."""
    text = json.dumps({"labels": few, "rows": rows}, indent=2) + "\n"
    run_folder.write(workdir, "stages.json", text)
    print(f"\n{report.stages_table(rows)}")
    path = os.path.join(workdir, "stages.png")
    stages.draw(path, title=os.path.basename(workdir), rows=rows)
    print(f"Look at {path}")
