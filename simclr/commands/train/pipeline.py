"""`simclr pipeline`: all stages of a recipe, each evaluated, then one table."""

import dataclasses
import functools
import os

import numpy as np

from simclr.commands.train import launch
from simclr.commands.train.finetune import write_labels
from simclr.commands.use.score_run import score_run
from simclr.config.stages import load, with_pretrained
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import is_chief, make_strategy
from simclr.evaluation import report
from simclr.inference.forward import Infer
from simclr.inference.speed import images_per_second
from simclr.messages.errors import InputError
from simclr.models.variables import count_parameters
from simclr.pictures import stages
from simclr.runs import folder as run_folder
from simclr.runs import weights
from simclr.studies import grid

_BATCH = 256  # Images, to measure speed with.


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

    def train(name, config, folder, hours):
        return launch.train(
            config,
            folder,
            strategy,
            devices=devices,
            notes=[f"stage {name} of {recipe}"],
            overrides=overrides,
            max_hours=hours,
        )

    score = functools.partial(
        score_run,
        strategy=strategy,
        images=dataclasses.replace(images, labels=few),
        held_out=bool(images.eval_source or fraction),
    )
    table = {
        "facts": {"labels": few},
        "draw": functools.partial(stages.draw, title=os.path.basename(workdir)),
    }
    stopped, rows, folders = grid.run(
        {
            name: grid.Cell(_with_data(config, images, few))
            for name, config in pipeline.stages.items()
        },
        workdir,
        train=train,
        score=score if is_chief(strategy) else None,
        say=say,
        word="Stage",
        given={
            name: pretrained
            for name, config in pipeline.stages.items()
            if pretrained and config.task == "pretrain"
        },
        max_hours=max_hours,
        table="stages",
        **table,
    )
    if stopped or not is_chief(strategy):
        return stopped
    sizes = _sizes(folders, strategy)
    rows = [row | sizes[row["name"]] for row in rows]
    path = os.path.join(workdir, "stages")
    grid.write_table(path, rows, **table)
    print(f"\n{report.stages_table(rows)}\nLook at {path}.png")
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
