"""`simclr study grid`: some settings against others, of a recipe of yours."""

import functools
import os
from typing import Annotated

from simclr.commands import arguments
from simclr.commands.definition import command
from simclr.messages.errors import InputError

Axis = Annotated[
    tuple[str, ...],
    "KEY=VALUE,VALUE,...: a setting and the values that it takes in turn; "
    "repeatable. The axis seed=0,1,2 gives the spread.",
    arguments.REPEATABLE,
]
Workdir = Annotated[
    arguments.Workdir, "Default: runs/grid_NAME after the recipe."
]


@command
def study_grid(
    *,
    config: arguments.Recipe = "",
    axis: Axis = (),
    data: arguments.Data = "",
    eval_data: arguments.EvalData = "",
    set: arguments.Set = (),
    workdir: Workdir = "",
    max_hours: arguments.MaxHours = 0.0,
    engine: arguments.Engine = "tensorflow",
    strategy: arguments.Strategy = "auto",
    replicas: arguments.Replicas = 0,
    callbacks: arguments.Callbacks = (),
    quiet: arguments.Quiet = False,
):
    """Runs a recipe for each combination of some settings: table and figure.

    It resumes. Encoders are scored by a linear probe, classifiers by their own
    answers.

    Returns:
        commands.study.run_cells.Studied.

    Raises:
        InputError: bad input, before any work.
        FloatingPointError: the loss or a gradient was not finite.
    """
    if not config or not axis:
        raise InputError(
            "Say --config=RECIPE and what is varied: --axis batch_size=128,256"
        )
    from simclr import config as config_lib
    from simclr.commands.study import given
    from simclr.commands.train import train_data
    from simclr.config import Config
    from simclr.config import values as config_values
    from simclr.pictures import grid as matrix
    from simclr.pictures import series
    from simclr.studies import grid
    from simclr.studies.study import own

    axes = dict(_axis(text) for text in axis)
    base = config if isinstance(config, Config) else config_lib.read(config)
    train_data.require_there(data, eval_data)
    images = {"source": data, "eval_source": eval_data}
    for key, text in images.items():
        if text:
            base = config_values.replace(base, f"data.{key}", text)
    if base.classifies and not base.data.eval_source:
        raise InputError("A grid of classifiers needs --eval_data to score.")
    cells = {
        name: grid.Cell(
            cell.config, {key: config_lib.get(cell.config, key) for key in axes}
        )
        for name, cell in grid.product(base, axes).items()
    }
    shown = [key for key in axes if key != "seed"] or ["seed"]
    words = {
        "title": " by ".join(shown),
        "subtitle": "linear probe of encoders, answers of classifiers",
    }
    draw = (
        functools.partial(matrix.draw, axes=shown, **words)
        if len(shown) <= 2
        else functools.partial(
            series.draw, x=shown[0], series=tuple(shown[1:]), **words
        )
    )
    name = "config" if isinstance(config, Config) else config
    name = os.path.splitext(os.path.basename(name))[0]
    workdir = os.path.abspath(workdir or os.path.join("runs", f"grid_{name}"))
    cells = given.ready(cells, set)
    from simclr.commands.devices import take_devices

    devices = take_devices(strategy, replicas, engine, together=True)
    from simclr.commands.study import run_cells

    stopped, rows = run_cells.run(
        cells,
        lambda cell: own(cell, None),
        draw,
        workdir,
        devices,
        title=f"grid of {name}",
        facts={"axes": axes},
        overrides=set,
        max_hours=max_hours,
        callbacks=callbacks,
    )
    return run_cells.Studied(workdir, rows, None, stopped)


def _axis(text):
    """(key, list of the values' texts) of KEY=VALUE,VALUE.

    Raises:
        InputError: there is no key or no value.
    """
    key, equals, rest = text.partition("=")
    values, depth, begin = [], 0, 0
    for place, letter in enumerate(rest):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:  # Not within (0.2, 1).
            values.append(rest[begin:place].strip())
            begin = place + 1
    values = [value for value in (*values, rest[begin:].strip()) if value]
    if not equals or not key.strip() or not values:
        raise InputError(f"--axis={text!r} is no KEY=VALUE,VALUE.")
    return key.strip(), values
