"""The stages of a pipeline, one by one, each evaluated, then one table."""

import dataclasses
import functools
import os

import numpy as np

from simclr.commands.run import Run
from simclr.commands.train import launch, train_data
from simclr.commands.use.score_run import score_run
from simclr.data.sources.registry import open_source
from simclr.evaluation import labels_alone, report
from simclr.inference.forward import Infer
from simclr.inference.speed import images_per_second
from simclr.messages.errors import InputError
from simclr.messages.say import show
from simclr.models.variables import count_parameters
from simclr.pictures import stages
from simclr.runs import folder as run_folder
from simclr.runs import weights
from simclr.studies import grid
from simclr.training import run_facts
from simclr.training.tasks import TASKS

_BATCH = 256  # Images, to measure speed with.


def run(
    pipeline,
    recipe_path,
    data,
    devices,
    *,
    label_fraction,
    pretrained,
    overruled,
    overrides,
    workdir,
    max_hours,
    callbacks,
):
    """Runs what is not done yet.

    Every stage has a run folder, WORKDIR/NAME, and is skipped when it is
    finished and evaluated. The few labels lie in WORKDIR/labels.csv; the
    table in WORKDIR/stages.json and stages.png.

    Args:
        pipeline: config.stages.Pipeline.
        recipe_path: where it was read, for people.
        data: dict of name -> config.Data of the stage.
        devices: commands.devices.Devices.
        label_fraction: share of the labels that later stages have; 0: all.
        pretrained: run folder in place of the first stage, or "".
        overruled: dict of stage -> lines on what of its recipe does not hold.
        overrides: list of KEY=VALUE, for people.
        workdir: folder of the stages, absolute.
        max_hours, callbacks: as for loop.train.

    Returns:
        Run of the last stage that was begun.

    Raises:
        InputError: bad input.
    """
    strategy = devices.strategy
    say = launch.speaker(devices)
    first = next(iter(data.values()))
    _require_labels(first)
    few = first.labels
    if label_fraction:
        few = train_data.write_labels(
            first, label_fraction, pipeline.seed, workdir, strategy
        )
    say(f"Pipeline  {recipe_path}: {', '.join(pipeline.stages)}, in {workdir}")
    say(f"Labels    {few or 'all of ' + first.source}")
    begun = []

    def train(name, config, folder, hours):
        begun.append(
            launch.train(
                config,
                folder,
                devices,
                notes=[f"stage {name} of {recipe_path}", *overruled[name]],
                overrides=overrides,
                max_hours=hours,
                callbacks=callbacks,
            )
        )
        return begun[-1].stopped

    score = functools.partial(
        score_run,
        strategy=strategy,
        images=dataclasses.replace(first, labels=few),
        rest=first.labels,
    )
    table = {
        "facts": {"labels": few},
        "draw": functools.partial(_draw, title=os.path.basename(workdir)),
    }
    stopped, rows, folders = grid.run(
        {
            name: grid.Cell(_with_data(config, data[name], first, few))
            for name, config in pipeline.stages.items()
        },
        workdir,
        train=train,
        score=score if devices.chief else None,
        say=say,
        word="Stage",
        given={
            name: pretrained
            for name, config in pipeline.stages.items()
            if pretrained and not config.classifies
        },
        images=_images_now,
        max_hours=max_hours,
        table="stages",
        **table,
    )
    if stopped:
        return begun[-1]
    if devices.chief:
        sizes = _sizes(folders, strategy)
        rows = [row | sizes[row["name"]] for row in rows]
        path = os.path.join(workdir, "stages")
        grid.write_table(path, rows, **table)
        lines = report.stages_table(labels_alone.compared(rows))
        show(f"\n{lines}\nLook at {path}.png")
    return Run(list(folders.values())[-1])


def _draw(path, *, title, rows):
    stages.draw(path, title=title, rows=labels_alone.compared(rows))


def _require_labels(data):
    """Images to score that have no labels stop a pipeline before its work."""
    if data.eval_source:
        source = open_source(data.eval_source, labels=data.eval_labels)
        if source.labels is None:
            raise InputError(
                f"{source.unlabelled()}, and nothing to score by: give "
                "--eval_labels=labels.csv, or leave --eval_data out."
            )


def _images_now(config):
    """What run.json would say of a stage's images today."""
    source, _ = TASKS[config.task].open_data(config)
    return run_facts.data_facts(source)


def _with_data(config, data, first, few):
    """A stage's config on its images; after the first they have few labels."""
    data = train_data.sized(data, config)
    same = (data.source, data.labels) == (first.source, first.labels)
    if config.classifies and same:
        data = dataclasses.replace(data, labels=few)
    return dataclasses.replace(config, data=data)


def _sizes(folders, strategy):
    """Parameters and images/s of every stage's net, in inference.

    All nets take turns, so that they meet the same noise.

    Returns:
        dict of name -> dict.
    """
    models, functions, batches = {}, {}, {}
    rng = np.random.default_rng(0)
    for name, folder in folders.items():
        names = run_folder.read_config(folder).classifies
        load_net = weights.load_classifier if names else weights.load_encoder
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
