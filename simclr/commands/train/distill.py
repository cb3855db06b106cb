"""`simclr distill`: a student that learns a teacher's labels."""

import dataclasses
import os
from typing import Annotated

from simclr import config as config_lib
from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError

Teacher = Annotated[
    tuple[str, ...],
    "A run of finetune or distill, or an import with a classifier; "
    "repeatable: several are averaged. Default: the recipe's.",
    arguments.PATH,
    arguments.REPEATABLE,
]
Data = Annotated[arguments.Data, "Default: the recipe's, or the teacher's."]
EvalData = Annotated[
    arguments.EvalData, "Default: the recipe's, or the teacher's."
]
Recipe = Annotated[
    arguments.Recipe,
    "Without one a recipe is chosen from the images and the device.",
]
Init = Annotated[
    arguments.Path,
    "Weights to start from, if any, such as the teacher's own.",
]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/NAME_distilled after the teacher."
]


@command
def distill(
    config: Recipe = "",
    *,
    teacher: Teacher = (),
    init: Init = "",
    data: Data = "",
    labels: arguments.Labels = "",
    eval_data: EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    set: arguments.Set = (),
    workdir: Workdir = "",
    max_hours: arguments.MaxHours = 0.0,
    engine: arguments.Engine = "tensorflow",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    profile: arguments.Profile = False,
    callbacks: arguments.Callbacks = (),
    quiet: arguments.Quiet = False,
    **settings: arguments.Settings,
):
    """Trains a student on a teacher's labels for all images.

    Returns:
        Run; its `stopped` says why it ended early, saved, or is "".

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    from simclr.commands.train import launch, train_data
    from simclr.config import suggest_tasks
    from simclr.runs import classes
    from simclr.runs import folder as run_folder

    overrides = launch.overrides(set, settings)
    recipe, origin = launch.read_recipe(config, "distill", overrides)
    train_data.require_there(data, eval_data)
    teachers = tuple(
        map(launch.absolute_run, _teachers(teacher, recipe, overrides))
    )
    init = launch.absolute_run(init)
    start = run_folder.read_config(init) if init else None
    workdir = workdir or os.path.join(
        "runs", f"{os.path.basename(teachers[0])}_distilled"
    )
    classes.of_all(teachers)  # What is no classifier stops it here.
    images = train_data.resolve(
        recipe,
        teachers[0],
        same_classes=True,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    launch.require_readable(recipe, overrides, data=images, init=init)
    devices = take_devices(strategy, replicas, engine)
    teacher_config, _, _ = classes.describe(teachers[0])
    chosen, notes = launch.chosen(
        recipe,
        origin,
        workdir,
        overrides,
        lambda: suggest_tasks.distill(
            start or teacher_config,
            open_source(images.source),
            accelerator=devices.accelerator,
            replicas=devices.replicas,
        ),
    )
    chosen = dataclasses.replace(
        chosen,
        data=train_data.sized(images, chosen),
        init=init or chosen.init,
        distill=dataclasses.replace(chosen.distill, teachers=teachers),
    )
    if start:  # Its weights fit its own net alone.
        chosen = dataclasses.replace(
            chosen, model=start.model, classifier=start.classifier
        )
    chosen = launch.absolute(config_lib.override(chosen, overrides))
    return launch.train(
        chosen,
        workdir,
        devices,
        notes=notes,
        recipe=recipe,
        overrides=overrides,
        max_hours=max_hours,
        profile=profile,
        callbacks=callbacks,
        following=[
            f"simclr evaluate {workdir}",
            f"simclr predict {workdir} IMAGES",
        ],
    )


def _teachers(given, recipe, overrides):
    """The teachers' runs: --set's, else --teacher's or the recipe's."""
    config = recipe or config_lib.Config(task="distill")
    if given:
        config = dataclasses.replace(
            config, distill=dataclasses.replace(config.distill, teachers=given)
        )
    config = config_lib.override(
        config,
        [o for o in overrides if config_lib.split(o)[0] == "distill.teachers"],
    )
    if not config.distill.teachers:
        raise InputError("There is no teacher: say --teacher=RUN.")
    return config.distill.teachers
