"""What the commands that train have in common: images, paths, the loop.

Nothing here imports TensorFlow before `devices` does: bad input is refused
without waiting for it.
"""

import dataclasses
import inspect
import os
import shlex
from collections.abc import Mapping

from simclr import config as config_lib
from simclr.commands.checked import overrides_of
from simclr.commands.run import Run
from simclr.commands.train import train_data
from simclr.config import Config, Model, stages
from simclr.config import values as config_values
from simclr.config.rules import check_values
from simclr.data.sources import registry
from simclr.engines import startup
from simclr.messages.counts import counted
from simclr.messages.errors import InputError
from simclr.messages.names import run_name
from simclr.messages.say import say
from simclr.models import backbones
from simclr.published import start
from simclr.runs import best, checkpoint
from simclr.runs import folder as run_folder


def overrides(given, settings):
    """All KEY=VALUE over a recipe: those of `set`, then those of keywords.

    Args:
        given: sequence of KEY=VALUE.
        settings: dict of the recipe's values, and parts as dicts; `model` may
            be a net's name, a keras.Model or a function that makes one.

    Returns:
        list of KEY=VALUE.
    """
    model = settings.get("model")
    if not (model is None or isinstance(model, Mapping | Model)):
        settings = {**settings, "model": {"name": _net_name(model)}}
    return [*given, *overrides_of(settings)]


def _net_name(model):
    """What config.Model calls a net: its name, a keras.Model or a function."""
    if isinstance(model, str):
        return model
    startup.start_tensorflow()
    from simclr.models.encoders import outside

    if inspect.isfunction(model):
        name = f"{model.__module__}:{model.__qualname__}"
        if model.__module__ != "__main__" and "<" not in name:
            return name  # Whoever reads the run finds it by that.
        model = model()
    return outside.hand_in(model)


def read_recipe(given, task, overrides):
    """A recipe, checked as far as it goes without its images.

    Args:
        given: Config, path of a recipe, or "".
        task: str, the config.task that it must have; or a tuple of those that
            it may have.
        overrides: KEY=VALUE over it.

    Returns:
        recipe: Config without the overrides, or None.
        origin: list of str on where it is from.

    Raises:
        InputError: no such recipe, one of another task, or bad overrides.
    """
    if not given:
        config = Config()
        for override in overrides:
            config = config_values.replace(config, *config_lib.split(override))
        check_values(config)
        backbones.check(config.model)
        return None, []
    built = isinstance(given, Config)
    name = "the Config" if built else given
    recipe = given if built else config_lib.read(given)
    tasks = (task,) if isinstance(task, str) else task
    if recipe.task not in tasks:
        raise InputError(
            f"{name} is a recipe for simclr {recipe.task}, not {tasks[0]}."
        )
    config_lib.override(recipe, overrides)
    return recipe, [f"recipe {name}"]


def default_workdir(given, data):
    """runs/NAME after the recipe's file, else after the images."""
    if isinstance(given, Config):
        given, data = "", data or given.data.source
    name = run_name(given or registry.absolute(data))
    return os.path.join("runs", name)


def chosen(recipe, origin, workdir, overrides, suggest):
    """The config to begin with, and how it came about.

    Args:
        recipe, origin: what read_recipe returned.
        workdir: the run folder, which may hold a run that goes on.
        overrides: list of KEY=VALUE, which will go over it.
        suggest: function without arguments to (Config, dict of key -> str),
            asked when there is neither.

    Returns:
        (Config, list of str).
    """
    if recipe is not None:
        return recipe, origin
    if checkpoint.paths(run_folder.checkpoints(workdir)):
        # Another device would be given another recipe.
        return run_folder.read_config(workdir), [
            f"the one that {workdir} began with"
        ]
    config, notes = suggest()
    overridden = in_force(overrides)
    return config, [
        note
        for key, note in notes.items()
        if not any(o == key or o.startswith(f"{key}.") for o in overridden)
    ]


def in_force(overrides):
    """Overrides by their keys, a dict: of those of one key the last counts."""
    return {config_lib.split(override)[0]: override for override in overrides}


def absolute_run(path):
    """A run folder or weights by their absolute path; what is none as it is."""
    if path in ("", start.IMAGENET):
        return path
    return os.path.abspath(os.path.expanduser(path))


def absolute(config):
    """A config whose images and runs are by absolute paths."""
    config = stages.with_origins(config, absolute_run)
    return dataclasses.replace(config, data=train_data.absolute(config.data))


def overruled(recipe, config, overrides):
    """What of a recipe is not as it and `set` say.

    Args:
        recipe: Config of the recipe, or None.
        config: Config of the run.
        overrides: list of KEY=VALUE.

    Returns:
        list of str, a line for each value.
    """
    if recipe is None:
        return []
    said = absolute(config_lib.override(recipe, overrides))
    differences = config_lib.differences(said, config)
    return [f"overruled: {line}" for line in differences]


def train(
    config,
    workdir,
    devices,
    *,
    notes,
    overrides,
    max_hours,
    new_images=False,
    profile=False,
    recipe=None,
    callbacks=(),
    following=lambda run: (),
):
    """Says what will be done, does it, and says what may follow.

    Args:
        config: Config.
        workdir: run folder.
        devices: Devices.
        notes: list of str on how the config came about.
        overrides: list of KEY=VALUE.
        max_hours, new_images, profile, callbacks: see loop.train.
        recipe: Config of the recipe, or None.
        following: function of a run folder to the commands that may come next,
            list of str.

    Returns:
        Run.
    """
    from simclr.training import loop

    notes = [*notes, *overruled(recipe, config, overrides)]
    say = speaker(devices)
    say(f"Images    {config.data.source}")
    say(f"Devices   {devices.words}")
    for note in notes:
        say(f"Recipe    {note}")
    for override in in_force(overrides).values():
        say(f"Set       {override}")
    say(
        f"Run       {workdir} ({backbones.describe(config.model)}, "
        f"{config.data.image_size} pixels, batch {config.batch_size}, "
        f"{counted(config.epochs, 'epoch')})"
    )
    stopped = loop.train(
        config,
        workdir,
        devices.strategy,
        max_hours=max_hours,
        new_images=new_images,
        profile=profile,
        notes=notes,
        callbacks=callbacks,
    )
    if stopped:
        say(f"Stopped by {stopped}; saved. The same command resumes from here.")
        return Run(workdir, stopped)
    chosen = shlex.quote(best.chosen(workdir))
    for i, command in enumerate(following(chosen)):
        say(f"{'      or   ' if i else 'Done. Next:'} {command}")
    return Run(workdir)


def scoring(run, config):
    """The command that scores a run; a classifier needs held-out images.

    Args:
        run: str, as a shell takes it.
        config: Config.
    """
    needed = config.classifies and not config.data.eval_source
    flags = " --eval_data=HELD_OUT --eval_labels=held_out.csv"
    return f"simclr evaluate {run}{flags if needed else ''}"


def speaker(devices):
    """A function that prints a line, on the chief alone."""
    return say if devices.chief else lambda text: None
