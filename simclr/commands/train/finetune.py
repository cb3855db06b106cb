"""`simclr finetune`: a classifier from a pretrained encoder and few labels."""

import dataclasses
import os
from typing import Annotated

from simclr import config as config_lib
from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError

Data = Annotated[arguments.Data, "Default: the recipe's, or those of `init`."]
EvalData = Annotated[
    arguments.EvalData, "Default: the recipe's, or those of `init`."
]
Recipe = Annotated[
    arguments.Recipe,
    "Without one a recipe is chosen from the images and the device.",
]
Init = Annotated[
    arguments.Path,
    "What to start from: a pretrained run, an import, a file that others "
    "published, or imagenet (docs/pretrained.md).",
]
FromScratch = Annotated[
    bool,
    "Take the net of `init`, but none of its weights: the supervised baseline.",
]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/NAME_finetuned after `init`."
]


@command
def finetune(
    config: Recipe = "",
    *,
    init: Init = "",
    from_scratch: FromScratch = False,
    data: Data = "",
    labels: arguments.Labels = "",
    label_fraction: arguments.LabelFraction = 0.0,
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
    """Trains a classifier from a pretrained encoder and few labels.

    Returns:
        Run; its `stopped` says why it ended early, saved, or is "".

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    if not init and not config:
        raise InputError(
            "Say --init=RUN, the pretrained run to start from (with "
            "--from_scratch: whose net to train from fresh weights), or "
            "--config=RECIPE."
        )
    from simclr.commands.train import early, launch, starts, train_data
    from simclr.config import suggest_tasks

    overrides = launch.overrides(set, settings)
    recipe, origin = launch.read_recipe(config, "finetune", overrides)
    train_data.require_there(data, eval_data, labels=(labels, eval_labels))
    init = launch.absolute_run(init)
    start = starts.find(init, recipe, overrides)
    if not workdir:
        began = starts.name_of(init) or launch.default_workdir(config, "")
        name = os.path.basename(began)
        ending = "supervised" if from_scratch else "finetuned"
        workdir = os.path.join("runs", f"{name}_{ending}")
    images = train_data.resolve(
        recipe,
        init,
        same_classes=False,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    early.require_ready(
        recipe,
        overrides,
        workdir=workdir,
        data=images,
        init="" if from_scratch else init,
        classes=not label_fraction,
    )
    devices = take_devices(strategy, replicas, engine, together=True)
    if label_fraction:
        few = train_data.write_labels(
            images,
            label_fraction,
            _seed(recipe, overrides),
            workdir,
            devices.strategy,
        )
        images = dataclasses.replace(images, labels=few)
    chosen, notes = launch.chosen(
        recipe,
        origin,
        workdir,
        overrides,
        lambda: suggest_tasks.finetune(
            start,
            open_source(images.source, labels=images.labels),
            from_scratch=from_scratch,
            accelerator=devices.accelerator,
            replicas=devices.replicas,
        ),
    )
    if start:  # Its weights fit its own net alone.
        chosen = dataclasses.replace(chosen, model=start.model)
    chosen = dataclasses.replace(
        chosen,
        data=train_data.sized(images, chosen),
        init="" if from_scratch else init or chosen.init,
    )
    chosen = launch.absolute(config_lib.override(chosen, overrides))
    if not chosen.init:
        notes = [*notes, "no weights to start from: the supervised baseline"]
    return launch.train(
        chosen,
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
            f"simclr predict {run} IMAGES",
            f"simclr export {run}",
            f"simclr distill --teacher={run}",
        ],
    )


def _seed(recipe, overrides):
    """The seed that the run will have."""
    return config_lib.override(
        recipe or config_lib.Config(),
        [o for o in overrides if o.startswith("seed=")],
    ).seed
