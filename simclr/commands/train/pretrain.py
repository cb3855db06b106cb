"""`simclr pretrain`: from images to a finished run folder."""

import dataclasses
from typing import Annotated

from simclr import config as config_lib
from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.commands.devices import take_devices
from simclr.data.sources import registry
from simclr.messages.errors import InputError

Recipe = Annotated[
    arguments.Recipe,
    "Without one a recipe is chosen from the images and the device.",
]
Init = Annotated[
    arguments.Init,
    "(Resuming needs no flag: it is the same command again.)",
]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/NAME after the recipe or the data."
]


@command
def pretrain(
    config: Recipe = "",
    *,
    data: arguments.Data = "",
    keep: arguments.Keep = "",
    labels: arguments.Labels = "",
    eval_data: arguments.EvalData = "",
    eval_labels: arguments.EvalLabels = "",
    init: Init = "",
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
    """Trains an encoder on images without labels.

    Returns:
        Run; its `stopped` says why it ended early, saved, or is "".

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    if not config and not data:
        raise InputError("Say --data=FOLDER (your images) or --config=RECIPE.")
    from simclr.commands.train import early, launch, starts, train_data
    from simclr.config import suggest

    overrides = launch.overrides(set, settings)
    recipe, origin = launch.read_recipe(config, "pretrain", overrides)
    train_data.require_there(data, eval_data, labels=(labels, eval_labels))
    if not workdir:
        workdir = launch.default_workdir(config, data)
    data = train_data.with_keep(data, keep)
    init = launch.absolute_run(init)
    begun = starts.find_net(init, recipe, overrides, workdir)
    given = {
        "source": data,
        "labels": labels,
        "eval_source": eval_data,
        "eval_labels": eval_labels,
    }
    images = recipe.data if recipe else config_lib.Data()
    early.require_ready(
        recipe,
        overrides,
        workdir=workdir,
        data=train_data.with_data(images, **given),
        init=init,
        goes_on=starts.goes_on(workdir),
        views=2,
    )
    devices = take_devices(strategy, replicas, engine, together=True)

    def suggested():
        found, notes = suggest.suggest(
            registry.open_source(data, labels=labels),
            accelerator=devices.accelerator,
            replicas=devices.replicas,
            precision=devices.precision,
        )
        if not begun:
            return found, notes
        # How long the heads learn alone is a part of the epochs.
        epochs = [o for o in overrides if config_lib.split(o)[0] == "epochs"]
        return suggest.gentle(config_lib.override(found, epochs), notes)

    chosen, notes = launch.chosen(
        recipe,
        origin,
        workdir,
        overrides,
        suggested,
    )
    images = train_data.with_data(chosen.data, **given)
    chosen = dataclasses.replace(
        chosen,
        data=images,
        init=init or chosen.init,
        model=starts.encoder_of(chosen.model, begun),
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
        new_images=new_images,
        profile=profile,
        callbacks=callbacks,
        following=lambda run: [
            f"simclr evaluate {run}",
            f"simclr finetune --init={run}, with --labels=labels.csv",
        ],
    )
