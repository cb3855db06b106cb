"""`simclr finetune`: a classifier from a pretrained encoder and few labels."""

import dataclasses
import os

from simclr import config as config_lib
from simclr.commands.train import launch
from simclr.config import suggest_tasks
from simclr.data.sources.labels import few_labels, to_csv
from simclr.data.sources.registry import open_source
from simclr.engines.strategies import (
    Workers,
    is_accelerator,
    is_chief,
    make_strategy,
)
from simclr.messages.errors import InputError
from simclr.runs import folder as run_folder
from simclr.runs import weights


def run(
    *,
    init="",
    from_scratch=False,
    data="",
    labels="",
    label_fraction=0.0,
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
    """Trains a classifier; see `simclr finetune --help` for the arguments.

    Returns:
        "" when finished, else why the run stopped early (saved).

    Raises:
        InputError: bad input, before any work.
    """
    if not init and not recipe:
        raise InputError(
            "Say --init=RUN, the pretrained run to start from (with "
            "--from_scratch: whose net to train from fresh weights), or "
            "--config=RECIPE."
        )
    strategy, devices = make_strategy(strategy_kind, replicas, engine)
    init = launch.absolute_run(init)
    start = run_folder.read_config(init) if init else None
    workdir = workdir or _default_workdir(init, recipe, from_scratch)
    images = launch.with_data(
        launch.data_of_run(init, data, same_classes=False)
        if init
        else config_lib.load(recipe).data,
        source=data,
        labels=labels,
        eval_source=eval_data,
        eval_labels=eval_labels,
    )
    if label_fraction:
        few = write_labels(
            images, label_fraction, _seed(recipe, overrides), workdir, strategy
        )
        images = dataclasses.replace(images, labels=few)
    config, notes = launch.choose(
        recipe,
        workdir,
        lambda: suggest_tasks.finetune(
            start,
            open_source(images.source, labels=images.labels),
            from_scratch=from_scratch,
            accelerator=is_accelerator(strategy),
            replicas=strategy.num_replicas_in_sync,
        ),
        "finetune",
    )
    if start:  # Its weights fit its own net alone.
        config = dataclasses.replace(config, model=start.model)
    config = dataclasses.replace(
        config,
        data=launch.sized(images, config),
        init="" if from_scratch else init or config.init,
    )
    config = config_lib.override(config, overrides)
    if config.init:
        weights.read_weights(config.init)  # Bad ones stop it here.
    else:
        notes = [*notes, "no weights to start from: the supervised baseline"]
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
            f"simclr distill --teacher={workdir}",
            f"simclr predict {workdir} IMAGES",
        ],
    )


def _default_workdir(init, recipe, from_scratch):
    name = os.path.basename(init) if init else run_folder.run_name(recipe)
    return os.path.join(
        "runs", f"{name}_{'supervised' if from_scratch else 'finetuned'}"
    )


def write_labels(images, fraction, seed, workdir, strategy):
    """Writes a part of the labels as labels.csv into a folder.

    Args:
        images: config.Data.
        fraction: share of the labels, as for few_labels.
        seed: int, chooses them.
        workdir: the folder.
        strategy: tf.distribute strategy; its chief writes.

    Returns:
        Path of the labels.csv, for this run and those that build on it.

    Raises:
        InputError: the folder holds other labels, or as for few_labels.
    """
    source = open_source(images.source, labels=images.labels)
    text = to_csv(source, few_labels(source, fraction, seed))
    path = os.path.join(os.path.abspath(workdir), "labels.csv")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                raise InputError(
                    f"{path} holds other labels than --label_fraction="
                    f"{fraction:g} gives; choose another --workdir."
                )
    elif is_chief(strategy):
        os.makedirs(workdir, exist_ok=True)
        run_folder.write(workdir, "labels.csv", text)
    Workers(strategy).gather([0.0])  # The others wait for the file.
    return path


def _seed(recipe, overrides):
    """The seed that the run will have."""
    config = config_lib.load(recipe) if recipe else config_lib.Config()
    return config_lib.override(
        config, [o for o in overrides if o.startswith("seed=")]
    ).seed
