"""Stopping early with everything saved: SIGTERM, Ctrl-C and --max_hours."""

import signal
import time

import tensorflow as tf

# EX_TEMPFAIL: not finished; the same command goes on where this one stopped.
EXIT_STOPPED = 75


class Stopper:
    """Knows whether the run should save and stop at the next boundary.

    A context manager: while open, SIGTERM (preemption) and SIGINT (Ctrl-C) ask
    for a stop; a second Ctrl-C interrupts at once.
    """

    def __init__(self, strategy, max_hours=0.0):
        self._deadline = time.monotonic() + 3600 * max_hours
        self._max_hours = max_hours
        self._strategy = strategy
        self._reason = ""
        self._old = {}

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self._old[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_):
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def reason(self):
        """Why to stop now, or ""; every worker gets an answer alike."""
        if self._max_hours and time.monotonic() > self._deadline:
            self._reason = self._reason or f"--max_hours={self._max_hours:g}"
        if _several_workers(self._strategy):
            asked = self._any_worker(bool(self._reason))
            return (self._reason or "another worker stops") if asked else ""
        return self._reason

    def _ask(self, number, frame):
        if number == signal.SIGINT and self._reason:
            raise KeyboardInterrupt
        del frame
        self._reason = signal.Signals(number).name

    def _any_worker(self, asked):
        """True on all workers when one of them is asked to stop.

        All must leave the loop at the same step: a step waits for everyone.
        """

        def count():
            context = tf.distribute.get_replica_context()
            return context.all_reduce(
                tf.distribute.ReduceOp.SUM, tf.constant(float(asked))
            )

        total = self._strategy.run(tf.function(count))
        return self._strategy.experimental_local_results(total)[0] > 0


def _several_workers(strategy):
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
