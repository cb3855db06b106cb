"""metrics.jsonl, a row at a time; needs neither TensorFlow nor a terminal."""

import json
import math
import os

from simclr.storage.whole import whole_file


class Rows:
    """Appends rows to the metrics.jsonl of a run.

    What came after the checkpoint of `step` is dropped first, its evaluation
    too: the run was killed somewhere there, and writes it again.
    """

    def __init__(self, workdir, step):
        path = os.path.join(workdir, "metrics.jsonl")
        rows = [
            row
            for row in read(path)
            if row["step"] < step or (row["step"] == step and "loss" in row)
        ]
        with whole_file(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        self._file = open(path, "a")  # noqa: SIM115  Lives as long as the run.

    def write(self, step, **values):
        """Adds one row; floats, ints and strings only.

        Returns:
            dict of the values as they were written: JSON has no NaN.
        """
        values = {
            name: None if isinstance(v, float) and not math.isfinite(v) else v
            for name, v in values.items()
        }
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        return values

    def close(self):
        """Closes the file."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read(path):
    """Rows of a metrics.jsonl; a last line cut by a kill is left out."""
    if not os.path.exists(path):
        return []
    rows = []
    with open(path) as file:
        for line in file:
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows
