"""When to come up for air, and when to stop with everything saved.

All workers of a cluster must decide alike: a step waits for everyone.
"""

import contextlib
import time

from simclr.messages import signals
from simclr.messages.errors import Stopped

# Steps of one device call take about this long. A preempted machine has half
# a minute to save.
_DISPATCH_S = 5.0


class Pace:
    """How many steps go into one device call."""

    def __init__(self, workers):
        self._workers = workers
        self._calls = 0
        self._step_s = None

    def steps(self, left):
        """Steps of the next call, at most `left`; alike on every worker."""
        if self._step_s is None:
            return 1
        return max(1, min(left, int(_DISPATCH_S / self._step_s)))

    def measured(self, steps, seconds):
        """Learns from a call.

        Returns:
            Whether it counts; the first one does not, for it compiles.
        """
        self._calls += 1
        if self._calls == 1:
            return False
        step_s = max(seconds / steps, 1e-6)
        self._step_s = float(self._workers.gather([step_s]).max())
        return True


class Stopper:
    """Knows whether the run should save and stop now.

    A context manager: while open, SIGTERM (preemption) and SIGINT (Ctrl-C)
    stop the run (messages/signals.py): at once where nothing is lost by it,
    else once it is saved. A second Ctrl-C interrupts at once. Stopped does not
    leave it: `asked` says why it came.

    Args:
        workers: workers.Workers.
        max_hours: ask for a stop after so many hours; 0: never.
    """

    def __init__(self, workers, max_hours=0.0):
        self._deadline = time.monotonic() + 3600 * max_hours
        self._max_hours = max_hours
        self._workers = workers
        self._reason = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(signals.listening())
        return self

    def __exit__(self, kind, error, trace):
        """Of Stopped only the reason stays."""
        self._stack.close()
        if isinstance(error, Stopped):
            self.ask(str(error))
        return isinstance(error, Stopped)

    def ask(self, reason):
        """Asks for a stop; the first reason counts.

        Args:
            reason: str; or the error that the run ends with.
        """
        self._reason = self._reason or reason

    def asked(self):
        """Why this worker is to stop, or ""; the others are not asked."""
        if self._max_hours and time.monotonic() > self._deadline:
            self.ask(f"--max_hours={self._max_hours:g}")
        self.ask(signals.asked())
        return self._reason

    def reason(self):
        """Why to stop now, or ""; every worker gets an answer alike."""
        self.asked()
        if self._workers.gather([float(bool(self._reason))]).any():
            return self._reason or "another worker"
        return ""
