"""When to come up for air, and when to stop with everything saved.

All workers of a cluster must decide alike: a step waits for everyone.
"""

import os
import signal
import threading
import time

from simclr.messages.say import is_silent

# EX_TEMPFAIL: not finished; the same command goes on where this one stopped.
EXIT_STOPPED = 75
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

    A context manager: while open, SIGTERM (preemption) and SIGINT (Ctrl-C) ask
    for a stop; a second Ctrl-C interrupts at once. Handlers of signals can be
    set in the main thread alone: in another one, signals do what they did.

    Args:
        workers: workers.Workers.
        max_hours: ask for a stop after so many hours; 0: never.
    """

    def __init__(self, workers, max_hours=0.0):
        self._deadline = time.monotonic() + 3600 * max_hours
        self._max_hours = max_hours
        self._workers = workers
        self._reason = ""
        self._old = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_):
        for number, handler in self._old.items():
            # None: it was not set from Python, and cannot be from here.
            signal.signal(number, handler or signal.SIG_DFL)
        self._old.clear()

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
        return self._reason

    def reason(self):
        """Why to stop now, or ""; every worker gets an answer alike."""
        self.asked()
        if self._workers.gather([float(bool(self._reason))]).any():
            return self._reason or "another worker"
        return ""

    def _on_signal(self, number, frame):
        del frame
        if number == signal.SIGINT and self._reason:
            raise KeyboardInterrupt
        self.ask(signal.Signals(number).name)
        # Not print: the signal may have come in the middle of one.
        if not is_silent():
            os.write(2, f"\n{self._reason}: saving, then stopping.\n".encode())
