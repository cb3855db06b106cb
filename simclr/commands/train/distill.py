"""`simclr distill`: a student that learns a teacher's labels or features."""

import os
from typing import Annotated

from simclr import config as config_lib
from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices

Teacher = Annotated[
    tuple[str, ...],
    "A run or an import, whose classes the student learns if it has some "
    "(repeatable: several are averaged), else its features; or a frozen "
    "encoder in a file (.keras, .onnx, a SavedModel's folder). Default: the "
    "recipe's.",
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
    "Weights to start from, if any, such as the teacher's own, a file that "
    "others published, or imagenet (docs/pretrained.md).",
]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/NAME_distilled after the teacher."
]


@command
def distill(
    config: Recipe = "",
    *,
    teacher: Teacher = (),
    preprocessing: arguments.Preprocessing = "",
    init: Init = "",
    data: Data = "",
    keep: arguments.Keep = "",
    labels: arguments.Labels = "",
    eval_data: EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    set: arguments.Set = (),
    workdir: Workdir = "",
    new_images: arguments.NewImages = False,
    max_hours: arguments.MaxHours = 0.0,
    engine: arguments.Engine = "tensorflow",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    profile: arguments.Profile = False,
    callbacks: arguments.Callbacks = (),
    quiet: arguments.Quiet = False,
    **settings: arguments.Settings,
):
    """Trains a student on a teacher's labels, or features, for all images.

    Returns:
        Run; its `stopped` says why it ended early, saved, or is "".

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    from simclr.commands.train import launch, students, train_data

    overrides = launch.overrides(set, settings)
    recipe, origin = launch.read_recipe(config, students.TASKS, overrides)
    train_data.require_there(data, eval_data, labels=(labels, eval_labels))
    data = train_data.with_keep(data, keep)
    wanted = students.wanted(recipe, overrides, teacher, preprocessing)
    name = os.path.splitext(os.path.basename(wanted.teachers[0]))[0]
    workdir = workdir or os.path.join("runs", f"{name}_distilled")
    prepare = students.of_labels
    if wanted.task == "distill_encoder":
        prepare = students.of_encoder
    chosen, notes, devices = prepare(
        wanted,
        recipe,
        origin,
        overrides,
        workdir=workdir,
        init=launch.absolute_run(init),
        take=lambda: take_devices(strategy, replicas, engine, together=True),
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    return launch.train(
        launch.absolute(config_lib.override(chosen, overrides)),
        workdir,
        devices,
        notes=notes,
        recipe=recipe,
        overrides=overrides,
        max_hours=max_hours,
        new_images=new_images,
        profile=profile,
        callbacks=callbacks,
        following=lambda run: [
            launch.scoring(run, chosen),
            f"simclr predict {run} IMAGES"
            if chosen.classifies
            else f"simclr finetune --init={run}, with --labels=labels.csv",
        ],
    )
