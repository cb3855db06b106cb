"""The runs of a study or of a grid, scored, in a table, a CSV and a figure."""

import functools
import os
from typing import NamedTuple

from simclr.commands.study.given import TABLE
from simclr.commands.study.scoring import score
from simclr.commands.train import launch
from simclr.messages.counts import counted
from simclr.messages.say import show
from simclr.storage import tables
from simclr.storage.whole import write_whole
from simclr.studies import grid


class Studied(NamedTuple):
    """What a study found.

    Attributes:
        workdir: str, absolute: study.json, study.csv and study.png, and a run
            folder for each cell.
        rows: list of dict, one for each cell that is done: "name", its place,
            its scores (shares in [0, 1]) and "minutes".
        verdict: studies.study.Verdict, or None of a grid.
        stopped: str, why it stopped before its end, saved; "" when all is done.
    """

    workdir: str
    rows: list
    verdict: object
    stopped: str


def run(
    cells,
    scores,
    draw,
    workdir,
    devices,
    *,
    title,
    facts,
    overrides,
    max_hours,
    callbacks=(),
):
    """Trains and scores what is not done; writes table and figure each time.

    Args:
        cells: dict of name -> grid.Cell, from given.ready.
        scores: function of a Cell to a dict of column -> studies.study.Score.
        draw: function (path, rows=) of the figure.
        workdir: absolute folder.
        devices: commands.devices.Devices.
        title: str, what people read.
        facts: dict of what else stands in study.json.
        overrides: list of KEY=VALUE that the cells have had already.
        max_hours, callbacks: as for loop.train.

    Returns:
        (why it stopped or "", rows: list of dict).

    Raises:
        InputError: bad input.
    """
    say = launch.speaker(devices)
    say(f"{title}: {counted(len(cells), 'run')}, in {workdir}")

    def train(name, config, folder, hours):
        return launch.train(
            config,
            folder,
            devices,
            notes=[f"{name} of {title}"],
            overrides=overrides,
            max_hours=hours,
            callbacks=callbacks,
        ).stopped

    def scored(folder, out):
        cell = cells[os.path.basename(out)]
        return score(folder, scores(cell), strategy=devices.strategy, out=out)

    stopped, rows, _ = grid.run(
        cells,
        workdir,
        train=train,
        score=scored,
        say=say,
        max_hours=max_hours,
        table=TABLE,
        facts={"cells": len(cells), **facts, "set": list(overrides)},
        draw=functools.partial(_written, draw),
    )
    if devices.chief and rows:
        show(f"Look at {os.path.join(workdir, TABLE)}.png, and .csv")
    return stopped, rows


def _written(draw, path, *, rows):
    """The figure, and the table as CSV beside it."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns] + [[row.get(c, "") for c in columns] for row in rows]
    path = os.path.splitext(path)[0]
    write_whole(f"{path}.csv", "".join(map(tables.line, lines)))
    draw(f"{path}.png", rows=rows)
