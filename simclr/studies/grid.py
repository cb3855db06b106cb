"""A grid: named configs, run where they are not done, scored, in one table.

`simclr pipeline` is a grid of a few stages; a study is one of many cells. Every
cell has a run folder, WORKDIR/NAME. A grid that was killed goes on where it
stopped when it is run again: what is finished is left alone, what is scored is
not scored again, and a cell in the middle resumes from its checkpoint.
"""

import dataclasses
import itertools
import json
import os
import re
import time

from simclr import config as config_lib
from simclr.config import Config
from simclr.config.stages import linked
from simclr.messages.errors import InputError
from simclr.published import start
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.storage import json_text
from simclr.storage.whole import write_whole


@dataclasses.dataclass(frozen=True)
class Cell:
    """A run of a grid.

    Attributes:
        config: its Config. its origins may be names of cells
            before it instead of run folders.
        place: dict of axis -> value, where the cell lies in the grid; columns
            of the table. Empty for a grid that is a list.
    """

    config: Config
    place: dict = dataclasses.field(default_factory=dict)


def product(base, axes, *, name="{}"):
    """A cell for each combination of some settings.

    Args:
        base: Config that all begin with.
        axes: dict of a setting, as in --set, -> list of its values.
        name: pattern of a cell's name, such as "teacher-{}".

    Returns:
        dict of name -> Cell, the last axis fastest. A name is made of the
        values: "batch_size_256-optimizer.base_lr_0.1".

    Raises:
        InputError: no such setting, or a value that it cannot have.
    """
    cells = {}
    for values in itertools.product(*axes.values()):
        place = dict(zip(axes, values))
        words = [f"{key}={value}" for key, value in place.items()]
        label = re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(words))
        cells[name.format(label)] = Cell(
            config_lib.override(base, words), place
        )
    return cells


def run(
    cells,
    workdir,
    *,
    train,
    score,
    say,
    word="Cell",
    given=None,
    images=None,
    max_hours=0.0,
    table="grid",
    facts=None,
    draw=None,
):
    """Runs and scores what is not done yet.

    The table and its picture are written after every cell, WORKDIR/TABLE.json
    and .png: see write_table.

    Args:
        cells: dict of name -> Cell, in the order in which they run.
        workdir: folder of the grid; made when missing.
        train: function (name, config, run folder, hours left or 0.0) that
            trains a run to its end, resuming what is there; gives "", or why
            it stopped before (saved).
        score: function (run folder, folder for its files) to a dict of the
            row's values, which keeps what it has scored before. All workers of
            a cluster call it; it gives None on those that write no table.
        say: prints a line.
        word: what a cell is called on the screen.
        given: dict of name -> run folder of cells that were trained elsewhere.
        images: function of a config to what its images are now, as in
            run.json's "data"; None: they are not looked at.
        max_hours: train so long in all; 0: no limit.
        table: name of the table.
        facts: dict of what else the table says.
        draw: function (path, rows=list) that draws the table; None: none.

    Returns:
        stopped: "" when all is done, else what `train` said.
        rows: list of dicts: "name", the cell's place, what `score` gave, and
            the "minutes" of the call that trained and scored it.
        folders: dict of name -> run folder, of the cells of the rows.

    Raises:
        InputError: a cell builds on what is neither a cell before it nor a run
            folder, or its folder holds another run, or one that started from
            other weights.
    """
    _require_origins(cells)
    os.makedirs(workdir, exist_ok=True)
    started = time.monotonic()
    rows, folders = [], dict(given or {})
    before = _minutes_before(os.path.join(workdir, f"{table}.json"))
    for number, (name, cell) in enumerate(cells.items(), start=1):
        began = time.monotonic()
        title = f"\n{word:9} {name} ({number} of {len(cells)})"
        if name in folders:
            say(f"{title}: {folders[name]}")
        else:
            config = linked(cell.config, folders)
            folders[name] = os.path.join(workdir, name)
            _require_same_origins(f"{word} {name}", config, folders[name])
            done = is_done(config, folders[name], images)
            say(f"{title}: done before" if done else title)
            if not done:
                before.pop(name, None)
                hours = _hours_left(max_hours, started)
                stopped = train(name, config, folders[name], hours)
                if stopped:
                    return stopped, rows, folders
        out = os.path.join(workdir, name)
        os.makedirs(out, exist_ok=True)
        scores = score(folders[name], out)
        if scores is not None:
            minutes = before.get(name, (time.monotonic() - began) / 60)
            row = {"name": name, **cell.place, **scores}
            rows.append({**row, "minutes": round(minutes, 2)})
            say(f"{word:9} {name}: {minutes:.1f} minutes")
            write_table(os.path.join(workdir, table), rows, facts, draw)
    return "", rows, folders


def is_done(config, workdir, images=None):
    """Whether a run folder holds this very run, and its end.

    One of another config, or of other weights or images than there are now,
    is not done: to train into it is refused.
    """
    return (
        run_folder.is_finished(workdir)
        and run_folder.read_config(workdir) == config_lib.settled(config)
        and not run_folder.changed_origins(workdir, config)
        and (
            images is None
            or run_folder.read_facts(workdir)["data"] == images(config)
        )
    )


def write_table(path, rows, facts=None, draw=None):
    """Writes a grid's table: a JSON object of the facts and "rows".

    Args:
        path: of the files, without .json and .png.
        rows, facts, draw: see `run`.
    """
    text = json.dumps({**(facts or {}), "rows": rows}, indent=2)
    write_whole(f"{path}.json", text + "\n")
    if draw is not None:
        draw(f"{path}.png", rows=rows)


def _minutes_before(path):
    """dict of name -> minutes, of the cells in a table that is there."""
    try:
        rows = json_text.read(path)["rows"]
        return {row["name"]: row["minutes"] for row in rows if "minutes" in row}
    except (OSError, ValueError, TypeError, KeyError):
        return {}  # There is none, or a damaged one, which is written anew.


def _require_origins(cells):
    """A mistyped name stops the grid before its first hour."""
    before = []
    for name, cell in cells.items():
        for origin in cell.config.origins:
            there = origin == start.IMAGENET or os.path.exists(origin)
            if origin not in before and not there:
                raise InputError(
                    f"{name} builds on {origin!r}, which is no cell before it "
                    f"({', '.join(before) or 'none'}) and no run folder."
                )
        before.append(name)


def _require_same_origins(title, config, workdir):
    """What a run has learned from other weights is no part of this grid."""
    changed = run_folder.changed_origins(workdir, config)
    if changed and checkpoint.paths(run_folder.checkpoints(workdir)):
        raise InputError(
            f"{title}: {workdir} started from other weights than "
            f"{', '.join(changed)} holds now; delete that folder, or choose "
            "another --workdir."
        )


def _hours_left(max_hours, started):
    """What is left of all the hours; 0: no limit."""
    if not max_hours:
        return 0.0
    return max(max_hours - (time.monotonic() - started) / 3600, 1e-9)
