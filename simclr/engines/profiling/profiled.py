"""Some steps of a run one at a time, to see where their time goes.

In a run the host is ahead of the device and the next batch is made meanwhile,
so that no clock tells who waits for whom. Here each step is waited for before
the next batch is asked for. What that takes is then waiting for input, and
nothing else:

    input   from asking for the batch until it is there
    device  of the rest, what its trace shows the device at work; without an
            accelerator, the step from its start to its end
    host    what is left: starting the step, looking at it, going on
"""

import contextlib
import dataclasses
import os
import time

from simclr.engines.profiling import trace

# Steps that compile and fill what is made ahead; then those that are traced.
WARM_UP, STEPS = 3, 10


@dataclasses.dataclass(frozen=True)
class Times:
    """Where the time of some steps went, seconds.

    Attributes:
        steps: int.
        whole: from the first batch asked for to the end of the last step.
        input, device, host: its parts.
    """

    steps: int
    whole: float
    input: float
    device: float

    @property
    def host(self):
        """What is neither."""
        return self.whole - self.input - self.device

    def in_words(self):
        """A line for people: milliseconds a step, and shares."""
        parts = ", ".join(
            f"{name} {1e3 * seconds / self.steps:.1f} ms "
            f"({seconds / self.whole:.0%})"
            for name, seconds in (
                ("waiting for input", self.input),
                ("device", self.device),
                ("host", self.host),
            )
        )
        return f"{1e3 * self.whole / self.steps:.1f} ms a step: {parts}"


class ProfiledEngine:
    """An engine whose first steps are looked at.

    Args:
        engine: TensorFlowEngine or PjrtEngine.
        folder: where the trace goes; "": another process writes it.
        say: function of a line of text.
        steps: how many are traced.
    """

    def __init__(self, engine, folder, say, *, steps=STEPS):
        self._engine, self._folder, self._say = engine, folder, say
        self._left, self._steps = WARM_UP + steps, steps
        self._stack = contextlib.ExitStack()
        self._begun_s = self._input_s = self._step_s = 0.0
        self.batches, self.pull = engine.batches, engine.pull
        self.no_sums = engine.no_sums

    def train_steps(self, batches, count, sums):
        """Some steps; see TensorFlowEngine.train_steps."""
        done = 0
        while self._left and done < count:
            sums, norms, bad = self._one(batches, sums)
            if int(bad) >= 0:
                return sums, norms, done
            done += 1
        if done == count:
            return sums, norms, bad
        sums, norms, bad = self._engine.train_steps(batches, count - done, sums)
        return sums, norms, bad if int(bad) < 0 else int(bad) + done

    def close(self):
        """At the end of the run, which may come before that of the trace."""
        if self._left and self._folder:
            self._stack.close()
            self._say(
                f"Profile   none: it takes {WARM_UP + self._steps} steps, and "
                f"the run ended {self._left} before."
            )

    def _one(self, batches, sums):
        """One step, looked at."""
        if self._left == self._steps:
            self._begin()
        asked_s = time.perf_counter()
        batch = self._engine.take(batches)
        given_s = time.perf_counter()
        result = self._engine.train_step(batch, sums)
        int(result[2])  # Waits for the step.
        self._input_s += given_s - asked_s
        self._step_s += time.perf_counter() - given_s
        self._left -= 1
        if not self._left:
            self._end()
        return result

    def _begin(self):
        if self._folder:
            os.makedirs(self._folder, exist_ok=True)
            self._stack.enter_context(self._engine.traced(self._folder))
        self._input_s = self._step_s = 0.0
        self._begun_s = time.perf_counter()

    def _end(self):
        whole_s = time.perf_counter() - self._begun_s
        self._stack.close()
        if not self._folder:
            return
        busy_s = trace.busy_s(self._folder)
        times = Times(
            self._steps,
            whole_s,
            self._input_s,
            self._step_s if busy_s is None else min(busy_s, self._step_s),
        )
        self._say(
            f"Profile   {self._steps} steps, one at a time, "
            f"{times.in_words()}; a trace is in {self._folder}"
        )
