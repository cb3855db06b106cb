"""metrics.jsonl, a row at a time; needs neither TensorFlow nor a terminal."""

import json
import math
import os

from simclr.messages.counts import counted
from simclr.messages.say import say
from simclr.storage import json_text
from simclr.storage.regular import regular
from simclr.storage.whole import naming, whole_file


class Rows:
    """Appends rows to the metrics.jsonl of a run.

    What came after the checkpoint of `step` is dropped first, its evaluation
    too if it is due `again`: the run was killed somewhere there, and writes it
    again. A damaged line is left out, and a line on the screen says so.
    """

    def __init__(self, workdir, step, again=True):
        self._path = path = os.path.join(workdir, "metrics.jsonl")
        rows, damaged = _parse(path)
        if damaged:
            say(
                f"Note      {path}: {counted(len(damaged), 'damaged line')} "
                f"left out, the first is line {damaged[0]}"
            )
        rows = [
            row
            for row in rows
            if row["step"] < step
            or (row["step"] == step and ("loss" in row or not again))
        ]
        with whole_file(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        self._file = open(path, "a")  # noqa: SIM115  Lives as long as the run.

    def write(self, step, **values):
        """Adds one row; floats, ints and strings only.

        Returns:
            dict of the values as they were written: JSON has no NaN.
        """
        values = _finite(values)
        with naming(self._path):
            self._file.write(_line(step, values))
            self._file.flush()
        return values

    def write_first(self, step, **values):
        """As `write`, before all the rows that are there."""
        values = _finite(values)
        self._file.close()
        with open(self._path) as file:
            rows = file.read()
        with whole_file(self._path) as file:
            file.write(_line(step, values) + rows)
        self._file = open(self._path, "a")  # noqa: SIM115  As above.
        return values

    def close(self):
        """Closes the file."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _finite(values):
    return {
        name: None if isinstance(v, float) and not math.isfinite(v) else v
        for name, v in values.items()
    }


def _line(step, values):
    return json.dumps({"step": step, **values}) + "\n"


def read(path):
    """Rows of a metrics.jsonl; lines that are no row are left out."""
    return _parse(path)[0]


def _parse(path):
    """The rows, and the numbers of the lines that are none, from 1.

    A last line that a kill cut short is not counted among those.
    """
    if not os.path.exists(path):
        return [], []
    rows, damaged, line = [], [], "\n"
    options = {"encoding": "utf-8", "errors": "replace", "opener": regular}
    with open(path, **options) as file:
        for number, line in enumerate(file, 1):
            try:
                row = json_text.parse(line)
            except ValueError:
                row = None
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
            else:
                damaged.append(number)
    if damaged and not line.endswith("\n"):
        damaged.pop()
    return rows, damaged
