"""`simclr pretrain`: from flags' values to a finished run folder."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.commands import recipe as recipe_lib
from simclr.commands import training
from simclr.data import sources
from simclr.training import initial, rundir
from simclr.training.strategy import (
    has_fast_bfloat16,
    is_accelerator,
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
    engine="tensorflow",
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
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    workdir = workdir or os.path.join(
        "runs", rundir.run_name(recipe or sources.absolute(data))
    )
    config, notes = training.choose(
        recipe,
        workdir,
        lambda: recipe_lib.suggest(
            sources.open_source(data, labels=labels),
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
            bfloat16=has_fast_bfloat16(strategy),
        ),
        "pretrain",
    )
    images = training.with_images(
        config.data,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    config = dataclasses.replace(config, data=images, init=init or config.init)
    config = config_lib.override(config, overrides)
    config = dataclasses.replace(
        config, init=training.absolute_run(config.init)
    )
    if config.init:
        initial.read_weights(config.init)  # Bad ones stop it here.
    return training.train(
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
