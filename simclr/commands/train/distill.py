"""`simclr distill`: a student that learns a teacher's labels."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.commands.train import launch
from simclr.config import suggest_tasks
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import is_accelerator, make_strategy
from simclr.runs import folder as run_folder
from simclr.runs import weights
from simclr.training.tasks.distill import teachers_classes


def run(
    *,
    teachers=(),
    init="",
    data="",
    labels="",
    eval_data="",
    eval_labels="",
    recipe="",
    overrides=(),
    workdir="",
    strategy_kind="auto",
    replicas=0,
    engine="tensorflow",
    max_hours=0.0,
):
    """Trains a student; see `simclr distill --help` for the arguments.

    Returns:
        "" when finished, else why the run stopped early (saved).

    Raises:
        ValueError: bad input, before any work.
    """
    teachers = tuple(launch.absolute_run(path) for path in teachers)
    if recipe and not teachers:
        teachers = config_lib.load(recipe).distill.teachers
    teachers_classes(teachers)  # Bad ones stop it here.
    teacher, _, _ = weights.describe(teachers[0])
    init = launch.absolute_run(init)
    start = run_folder.read_config(init) if init else None
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    workdir = workdir or os.path.join(
        "runs", f"{os.path.basename(teachers[0])}_distilled"
    )
    images = launch.with_data(
        launch.data_of_run(teachers[0], data, same_classes=True),
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    config, notes = launch.choose(
        recipe,
        workdir,
        lambda: suggest_tasks.distill(
            start or teacher,
            open_source(images.source),
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
        ),
        "distill",
    )
    config = dataclasses.replace(
        config,
        data=launch.sized(images, config),
        init=init or config.init,
        distill=dataclasses.replace(config.distill, teachers=teachers),
    )
    if start:  # Its weights fit its own net alone.
        config = dataclasses.replace(
            config, model=start.model, classifier=start.classifier
        )
    config = config_lib.override(config, overrides)
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
            f"simclr predict {workdir} IMAGES",
        ],
    )
