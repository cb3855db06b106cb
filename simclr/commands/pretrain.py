"""`simclr pretrain`: from flags' values to a finished run folder."""

import dataclasses
import os
import re
import sys

from simclr import config as config_lib
from simclr.commands import recipe as recipe_lib
from simclr.data.sources import open_source
from simclr.training import initial, loop
from simclr.training.strategy import is_accelerator, is_chief, make_strategy


def run(
    *,
    data="",
    labels="",
    eval_data="",
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
    strategy, devices = make_strategy(strategy_kind, replicas)
    say = _say if is_chief(strategy) else lambda text: None
    if recipe:
        config = config_lib.load(recipe)
        notes = [f"recipe {recipe}"]
    elif data:
        source = open_source(data, labels=labels)
        config, notes = recipe_lib.suggest(
            source,
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
        )
    else:
        raise ValueError("Say --data=FOLDER (your images) or --config=RECIPE.")
    given = {
        "source": data,
        "labels": labels,
        "eval_source": eval_data,
    }
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(
            config.data, **{k: v for k, v in given.items() if v}
        ),
    )
    if init:
        config = dataclasses.replace(config, init=init)
    config = config_lib.override(config, overrides)
    if config.init:
        initial.read_weights(config.init)  # Bad ones stop it here.
    workdir = workdir or os.path.join("runs", _name(recipe or data))

    say(f"Images    {config.data.source}")
    say(f"Devices   {devices}")
    for note in notes:
        say(f"Recipe    {note}")
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


def _name(path):
    """A run's name after a recipe or a source."""
    path = path.rstrip("/").split(":", 1)[-1]
    name = os.path.splitext(os.path.basename(path))[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name) or "run"


def _say(text):
    print(text, file=sys.stderr, flush=True)
