"""`simclr pipeline`: all stages of a recipe, each evaluated, then one table."""

import dataclasses
import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.messages.names import run_name

Data = Annotated[arguments.Data, "Default: the recipe's."]
EvalData = Annotated[arguments.EvalData, "Default: the recipe's."]
Recipe = Annotated[
    arguments.Path,
    "A recipe of several stages: the name of one of this package, such as "
    "pipelines/demo, or a Python file.",
]
Pretrained = Annotated[
    arguments.Path,
    "A pretrained run, or import, in place of the recipe's first stage.",
]
Teacher = Annotated[
    arguments.Path,
    "An encoder, for stages of distill_encoder: a run, an import, or a file.",
]
Set = Annotated[arguments.Set, "STAGE.KEY=VALUE is for one stage."]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/NAME_pipeline after the recipe."
]


@command
def pipeline(
    recipe: Recipe,
    *,
    data: Data = "",
    labels: arguments.Labels = "",
    label_fraction: arguments.LabelFraction = 0.0,
    eval_data: EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    pretrained: Pretrained = "",
    teacher: Teacher = "",
    set: Set = (),
    workdir: Workdir = "",
    max_hours: arguments.MaxHours = 0.0,
    engine: arguments.Engine = "tensorflow",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    callbacks: arguments.Callbacks = (),
    quiet: arguments.Quiet = False,
):
    """Pretrains, fine-tunes, distills and scores each stage.

    Returns:
        Run of the last stage that was begun; its `stopped` says why it ended
        early, saved, or is "".

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    from simclr.commands.train import early, launch, starts, train_data
    from simclr.config.stages import (
        load,
        require_teachers,
        with_pretrained,
        with_teacher,
    )
    from simclr.runs import folder as run_folder

    said = load(recipe, set)
    if teacher:
        said = with_teacher(said, launch.absolute_run(teacher))
    if not pretrained:  # Else those stages are done.
        require_teachers(recipe, said)
    train_data.require_there(data, eval_data, labels=(labels, eval_labels))
    stages = starts.with_published(said)
    pretrained = launch.absolute_run(pretrained)
    if pretrained:
        stages = with_pretrained(stages, run_folder.read_config(pretrained))
    images = {
        name: train_data.resolve(
            stage,
            pretrained,
            same_classes=False,
            source=data,
            labels=labels,
            eval_source=eval_data,
            eval_labels=eval_labels,
        )
        for name, stage in stages.stages.items()
    }
    label_fraction = label_fraction or said.label_fraction
    overruled = {
        name: _overruled(stage, stages.stages[name], images[name])
        for name, stage in said.stages.items()
    }
    if label_fraction != said.label_fraction != 0:
        for name, stage in said.stages.items():
            if stage.classifies:
                overruled[name].append(
                    f"overruled: label_fraction: {said.label_fraction:g} -> "
                    f"{label_fraction:g}"
                )
    for of_stages in dict.fromkeys(images.values()):
        early.require_ready(None, (), workdir=workdir, data=of_stages)
    devices = take_devices(strategy, replicas, engine, together=True)
    from simclr.commands.train import run_stages

    return run_stages.run(
        stages,
        recipe,
        images,
        devices,
        label_fraction=label_fraction,
        pretrained=pretrained,
        overruled=overruled,
        overrides=set,
        workdir=os.path.abspath(workdir or default_workdir(recipe)),
        max_hours=max_hours,
        callbacks=callbacks,
    )


def _overruled(said, stage, data):
    """What of a stage's recipe another net or other images take the place of.

    Args:
        said: Config as the recipe and `set` say it.
        stage: Config, with the net of a pretrained run.
        data: config.Data of the stage.
    """
    from simclr.commands.train import launch, train_data

    stage = dataclasses.replace(stage, data=train_data.sized(data, stage))
    return launch.overruled(said, launch.absolute(stage), [])


def default_workdir(recipe):
    """Where a pipeline's runs lie; a recipe of one task may have its name."""
    return os.path.join("runs", f"{run_name(recipe)}_pipeline")
