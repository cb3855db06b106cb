"""What the commands that train have in common: images, paths, the loop."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.data.sources import registry
from simclr.engines.strategies import is_chief
from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.models import backbones
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training import loop


def choose(recipe, workdir, suggest, task):
    """The config to begin with, and how it came about.

    Args:
        recipe: path of a recipe, or "".
        workdir: the run folder, which may hold a run that goes on.
        suggest: function without arguments to (Config, list of str), asked
            when there is neither.
        task: str, config.task.

    Returns:
        (Config, list of str).

    Raises:
        InputError: the recipe is of another task.
    """
    if recipe:
        config = config_lib.read(recipe)
        if config.task != task:
            raise InputError(
                f"{recipe} is a recipe for simclr {config.task}, not {task}."
            )
        return config, [f"recipe {recipe}"]
    if checkpoint.finished(run_folder.checkpoints(workdir)):
        # Another device would be given another recipe.
        return run_folder.read_config(workdir), [
            f"the one that {workdir} began with"
        ]
    return suggest()


def with_data(data, **given):
    """The images that the user gave, by absolute paths.

    Args:
        data: config.Data.
        **given: its fields -> str; empty ones change nothing.

    Raises:
        InputError: labels of held-out images without the images.
    """
    data = dataclasses.replace(
        data, **{name: text for name, text in given.items() if text}
    )
    if data.eval_labels and not data.eval_source:
        raise InputError("--eval_labels go with --eval_data, which is missing.")
    return dataclasses.replace(
        data,
        source=registry.absolute(data.source),
        eval_source=registry.absolute(data.eval_source),
        labels=_absolute_file(data.labels),
        eval_labels=_absolute_file(data.eval_labels),
    )


def data_of_run(run, data, *, same_classes):
    """The images that a run takes from the run it builds on.

    Args:
        run: run folder.
        data: what the user said instead, or "": then the run's labels, which
            are of its own images, do not come along.
        same_classes: whether it has the run's classes: its evaluation
            images then come along with other training images, too.

    Returns:
        config.Data.

    Raises:
        InputError: the run has no images of its own (an import).
    """
    if data:
        images = dataclasses.replace(
            run_folder.read_config(run).data, labels=""
        )
        if same_classes:
            return images
        return dataclasses.replace(images, eval_source="", eval_labels="")
    if run_folder.read_facts(run).get("imported"):
        raise InputError(
            f"{run} holds imported weights and has no images of its own: say "
            "--data=IMAGES."
        )
    return run_folder.read_config(run).data


def sized(images, config):
    """The images, at the sizes of a config."""
    return dataclasses.replace(
        images,
        image_size=config.data.image_size,
        eval_image_size=config.data.eval_image_size,
    )


def absolute_run(path):
    """A run folder or checkpoint by its absolute path; "" as it is."""
    return os.path.abspath(os.path.expanduser(path)) if path else ""


def train(
    config,
    workdir,
    strategy,
    *,
    devices,
    notes,
    overrides,
    max_hours,
    following=(),
):
    """Says what will be done, does it, and says what may follow.

    Args:
        config: Config.
        workdir: run folder.
        strategy: tf.distribute strategy.
        devices: str.
        notes: list of str on how the config came about.
        overrides: list of KEY=VALUE.
        max_hours: see loop.train.
        following: commands that may come next, list of str.

    Returns:
        "" when finished, else why the run stopped early (saved).
    """
    say = speaker(strategy)
    say(f"Images    {config.data.source}")
    say(f"Devices   {devices}")
    for note in notes:
        say(f"Recipe    {note}")
    for override in overrides:
        say(f"Set       {override}")
    say(
        f"Run       {workdir} ({backbones.describe(config.model)}, "
        f"{config.data.image_size} pixels, batch {config.batch_size}, "
        f"{config.epochs:g} epochs)"
    )
    stopped = loop.train(
        config, workdir, strategy, max_hours=max_hours, notes=notes
    )
    if stopped:
        say(f"Stopped by {stopped}; saved. The same command goes on from here.")
        return stopped
    for i, command in enumerate(following):
        say(f"{'      or   ' if i else 'Done. Next:'} {command}")
    return ""


def speaker(strategy):
    """A function that prints a line, on the chief alone."""
    if not is_chief(strategy):
        return lambda text: None
    return say


def _absolute_file(path):
    """A labels.csv by its absolute path; "" and "none" as they are."""
    if path in ("", "none") or "://" in path:
        return path
    return os.path.abspath(os.path.expanduser(path))
