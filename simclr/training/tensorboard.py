"""What a run writes while it goes: metrics.jsonl, and TensorBoard's file."""

import tensorflow as tf

from simclr.runs.metrics import Rows


class Writer(Rows):
    """Rows, and each of their numbers as a TensorBoard event."""

    def __init__(self, workdir, step, again=True):
        super().__init__(workdir, step, again)
        self._events = tf.summary.create_file_writer(workdir)

    def write(self, step, **values):
        """See Rows.write."""
        return self._show(step, super().write(step, **values))

    def write_first(self, step, **values):
        """See Rows.write_first."""
        return self._show(step, super().write_first(step, **values))

    def _show(self, step, values):
        with self._events.as_default(step):
            for name, value in values.items():
                if isinstance(value, int | float):
                    # As float64: a loss may be beyond float32.
                    tf.summary.scalar(name, tf.constant(value, tf.float64))
        self._events.flush()
        return values

    def close(self):
        """Closes both files."""
        super().close()
        self._events.close()
