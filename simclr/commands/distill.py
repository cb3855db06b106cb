"""`simclr distill`: a student that learns a teacher's labels."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.commands import stage_recipe, training
from simclr.data.sources import open_source
from simclr.training import classifier, initial, rundir
from simclr.training.strategy import is_accelerator, make_strategy
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
    teachers = tuple(training.absolute_run(path) for path in teachers)
    if recipe and not teachers:
        teachers = config_lib.load(recipe).distill.teachers
    teachers_classes(teachers)  # Bad ones stop it here.
    teacher, _, _ = classifier.describe(teachers[0])
    init = training.absolute_run(init)
    start = rundir.read_config(init) if init else None
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    workdir = workdir or os.path.join(
        "runs", f"{os.path.basename(teachers[0])}_distilled"
    )
    images = training.with_images(
        training.images_of(teachers[0], data, same_classes=True),
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    config, notes = training.choose(
        recipe,
        workdir,
        lambda: stage_recipe.distill(
            start or teacher,
            open_source(images.source),
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
        ),
        "distill",
    )
    config = dataclasses.replace(
        config,
        data=training.sized(images, config),
        init=init or config.init,
        distill=dataclasses.replace(config.distill, teachers=teachers),
    )
    if start:  # Its weights fit its own net alone.
        config = dataclasses.replace(
            config, model=start.model, classifier=start.classifier
        )
    config = config_lib.override(config, overrides)
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
            f"simclr predict {workdir} IMAGES",
        ],
    )
