"""`simclr study`: a study of a paper, from its runs to its figure."""

import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.messages.say import show

Name = Annotated[
    arguments.Text, "The study, as `simclr study --list` calls it."
]
Quick = Annotated[
    bool, "Small nets, few runs, one seed: half an hour of 2 cores at most."
]
Full = Annotated[bool, "The paper's settings, for an accelerator."]
Seeds = Annotated[
    arguments.Count,
    "Number of seeds. Default: 1 with `quick` and `full`, else 3. With more "
    "seeds a later call adds the missing runs.",
]
Digits = Annotated[
    arguments.Path,
    "A folder with MNIST's four IDX files, or similar ones. Default: the "
    "sample; with `full` tfds:mnist.",
]
Photos = Annotated[
    arguments.Path,
    "Images to train on, in any form (docs/data.md). Default: the sample; "
    "with `full` tfds:imagenet2012.",
]
EvalPhotos = Annotated[
    arguments.Path,
    "Held-out labelled images of the classes of `images`, to score.",
]
Only = Annotated[
    tuple[str, ...],
    "Only the runs whose name fits, and those that they start from: 'method_"
    "SimCLR*', `*` for any letters; repeatable. The table has those alone.",
    arguments.REPEATABLE,
]
Set = Annotated[arguments.Set, "Of every run."]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/study_NAME, and the scale."
]


@command
def study(
    name: Name,
    *,
    quick: Quick = False,
    full: Full = False,
    seeds: Seeds = 0,
    only: Only = (),
    digits: Digits = "",
    images: Photos = "",
    eval_images: EvalPhotos = "",
    set: Set = (),
    workdir: Workdir = "",
    max_hours: arguments.MaxHours = 0.0,
    engine: arguments.Engine = "tensorflow",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    callbacks: arguments.Callbacks = (),
    quiet: arguments.Quiet = False,
):
    """Runs a study of a paper: its runs, their table, its figure.

    It resumes. At the end it says what the paper found and what was found.

    Returns:
        commands.study.run_cells.Studied.

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    from simclr.commands.study import given
    from simclr.studies import registry

    wanted = registry.get(name)
    scale = given.scale(quick, full)
    workdir = os.path.abspath(workdir or given.workdir(name, scale))
    seeds = given.seeds(scale, seeds)
    labels = given.labels(wanted, seeds, workdir)
    material = given.images(scale, digits, images, eval_images, labels)
    every = given.cells(wanted, scale, material, seeds)
    cells = given.ready(given.chosen(every, only), set)
    from simclr.commands.devices import take_devices

    devices = take_devices(strategy, replicas, engine, together=True)
    from simclr.commands.study import run_cells

    given.write_labels(material, devices.strategy)
    stopped, rows = run_cells.run(
        cells,
        lambda cell: wanted.scores(cell, material),
        wanted.draw,
        workdir,
        devices,
        title=f"study {name}, {scale}",
        facts={"study": name, "scale": scale, "cells": len(every)},
        overrides=set,
        max_hours=max_hours,
        callbacks=callbacks,
    )
    verdict = wanted.verdict(rows)
    if devices.chief:
        show(f"Paper     {wanted.finding} ({wanted.paper}, {wanted.figure})")
        if wanted.deviations:
            show(f"Other     {wanted.deviations}")
        show(f"Found     {verdict.words}")
        show(f"          {verdict.finding}")
    return run_cells.Studied(workdir, rows, verdict, stopped)
