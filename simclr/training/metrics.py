"""What a run says while it goes: metrics.jsonl, TensorBoard, a progress bar."""

import json
import math
import os
import sys
import time

import tensorflow as tf
from tqdm import tqdm


class Writer:
    """Appends rows to metrics.jsonl and to TensorBoard's event file.

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
        with open(path + ".tmp", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        os.replace(path + ".tmp", path)
        self._file = open(path, "a")  # noqa: SIM115  Lives as long as the run.
        self._events = tf.summary.create_file_writer(workdir)

    def write(self, step, **values):
        """Adds one row; floats, ints and strings only."""
        values = {  # JSON has no NaN.
            name: None if isinstance(v, float) and not math.isfinite(v) else v
            for name, v in values.items()
        }
        row = {"step": step, **values}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        with self._events.as_default(step):
            for name, value in values.items():
                if isinstance(value, int | float):
                    # As float64: a loss may be beyond float32.
                    tf.summary.scalar(name, tf.constant(value, tf.float64))
        self._events.flush()

    def close(self):
        """Closes both files."""
        self._file.close()
        self._events.close()

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


class Progress:
    """A bar on a terminal; a line every `period_s` seconds anywhere else."""

    def __init__(self, total_steps, step, batch_size, period_s=30.0):
        self._total, self._batch_size = total_steps, batch_size
        self._period_s, self._next_line = period_s, 0.0
        self._bar = tqdm(
            total=total_steps * batch_size,
            initial=step * batch_size,
            unit="img",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def update(self, step, images_per_second, **values):
        """Moves to `step` and shows the newest values.

        Args:
            step: int, steps done.
            images_per_second: float; None before it is known.
            **values: floats by their names.
        """
        shown = "  ".join(f"{k} {v:.3f}" for k, v in values.items())
        self._bar.n = step * self._batch_size
        self._bar.set_postfix_str(shown)
        done = step == self._total
        if self._bar.disable and (done or time.monotonic() > self._next_line):
            self._next_line = time.monotonic() + self._period_s
            speed = ""
            if images_per_second:
                left_s = (self._total - step) * self._batch_size
                left_s /= images_per_second
                speed = (
                    f"  {images_per_second:.0f} images/s  "
                    f"{duration(left_s)} left"
                )
            else:  # The first step: say how long from here as soon as known.
                self._next_line = 0.0
            self.say(f"step {step}/{self._total}  {shown}{speed}")

    def say(self, text):
        """A line that does not break the bar."""
        self._bar.write(text, file=sys.stderr)

    def close(self):
        """Leaves the bar as it is."""
        self._bar.close()


def duration(seconds):
    """Seconds as people say them: 1h 02m, 3m 20s, 12s."""
    seconds = max(0, math.ceil(seconds))
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    if hours:
        return f"{hours}h {m:02d}m"
    return f"{m}m {s:02d}s" if m else f"{s}s"
