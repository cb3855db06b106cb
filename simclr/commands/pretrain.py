"""`simclr pretrain`: from flags' values to a finished run folder."""

import dataclasses
import os
import sys

from simclr import config as config_lib
from simclr.commands import recipe as recipe_lib
from simclr.data import sources
from simclr.training import checkpoint, initial, loop, rundir
from simclr.training.strategy import (
    has_fast_bfloat16,
    is_accelerator,
    is_chief,
    make_strategy,
)


def run(
    *,
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    init="",
    recipe="",
    overrides=(),
    workdir="",
    strategy_kind="auto",
    replicas=0,
    max_hours=0.0,
):
    """Trains; see `simclr pretrain --help` for the arguments.

    Returns:
        "" when finished, else why the run stopped early (saved).

    Raises:
        ValueError: bad input, before any work.
    """
    if not recipe and not data:
        raise ValueError("Say --data=FOLDER (your images) or --config=RECIPE.")
    strategy, devices = make_strategy(strategy_kind, replicas)
    say = _say if is_chief(strategy) else lambda text: None
    workdir = workdir or os.path.join(
        "runs", rundir.run_name(recipe or sources.absolute(data))
    )
    if recipe:
        config = config_lib.load(recipe)
        notes = [f"recipe {recipe}"]
    elif checkpoint.finished(rundir.checkpoints(workdir)):
        # Another device would be given another recipe.
        config = rundir.read_config(workdir)
        notes = [f"the one that {workdir} began with"]
    else:
        config, notes = recipe_lib.suggest(
            sources.open_source(data, labels=labels),
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
            bfloat16=has_fast_bfloat16(strategy),
        )
    config = _with(
        config,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    config = dataclasses.replace(config, init=init or config.init)
    config = config_lib.override(config, overrides)
    if config.init:
        path = os.path.abspath(os.path.expanduser(config.init))
        config = dataclasses.replace(config, init=path)
        initial.read_weights(config.init)  # Bad ones stop it here.

    say(f"Images    {config.data.source}")
    say(f"Devices   {devices}")
    for note in notes:
        say(f"Recipe    {note}")
    for override in overrides:
        say(f"Set       {override}")
    say(
        f"Run       {workdir} (ResNet-{config.model.depth} x"
        f"{config.model.width:g}, {config.data.image_size} pixels, batch "
        f"{config.batch_size}, {config.epochs:g} epochs)"
    )
    stopped = loop.train(
        config, workdir, strategy, max_hours=max_hours, notes=notes
    )
    if stopped:
        say(f"Stopped by {stopped}; saved. The same command goes on from here.")
    else:
        say(f"Done. Next: simclr evaluate {workdir}")
    return stopped


def _with(config, **given):
    """The config with the images that the user gave, by absolute paths."""
    data = dataclasses.replace(
        config.data, **{name: text for name, text in given.items() if text}
    )
    data = dataclasses.replace(
        data,
        source=sources.absolute(data.source),
        eval_source=sources.absolute(data.eval_source),
        labels=_absolute_file(data.labels),
        eval_labels=_absolute_file(data.eval_labels),
    )
    return dataclasses.replace(config, data=data)


def _absolute_file(path):
    """A labels.csv by its absolute path; "" and "none" as they are."""
    if path in ("", "none") or "://" in path:
        return path
    return os.path.abspath(os.path.expanduser(path))


def _say(text):
    print(text, file=sys.stderr, flush=True)
