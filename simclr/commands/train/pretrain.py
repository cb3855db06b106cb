"""`simclr pretrain`: from flags' values to a finished run folder."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.commands.train import launch
from simclr.config import suggest as recipe_lib
from simclr.data.sources import registry
from simclr.engines.strategies import (
    has_fast_bfloat16,
    is_accelerator,
    make_strategy,
)
from simclr.messages.errors import InputError
from simclr.runs import folder as run_folder
from simclr.runs import weights


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
    engine="tensorflow",
    max_hours=0.0,
):
    """Trains; see `simclr pretrain --help` for the arguments.

    Returns:
        "" when finished, else why the run stopped early (saved).

    Raises:
        InputError: bad input, before any work.
    """
    if not recipe and not data:
        raise InputError("Say --data=FOLDER (your images) or --config=RECIPE.")
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    workdir = workdir or os.path.join(
        "runs", run_folder.run_name(recipe or registry.absolute(data))
    )
    config, notes = launch.choose(
        recipe,
        workdir,
        lambda: recipe_lib.suggest(
            registry.open_source(data, labels=labels),
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
            bfloat16=has_fast_bfloat16(strategy),
        ),
        "pretrain",
    )
    images = launch.with_data(
        config.data,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    config = dataclasses.replace(config, data=images, init=init or config.init)
    config = config_lib.override(config, overrides)
    config = dataclasses.replace(config, init=launch.absolute_run(config.init))
    if config.init:
        weights.read_weights(config.init)  # Bad ones stop it here.
    return launch.train(
        config,
        workdir,
        strategy,
        devices=devices,
        notes=notes,
        overrides=overrides,
        max_hours=max_hours,
        following=[
            f"simclr evaluate {workdir}",
            f"simclr finetune --init={workdir}, with --labels=labels.csv",
        ],
    )
