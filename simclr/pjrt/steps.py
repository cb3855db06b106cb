"""Training steps of an executable, one after another: jax and NumPy alone."""

import collections

import numpy as np

# Steps that may be under way at once: the next batch is on its way to the
# devices while they work, and no more than that waits in their memory.
_AHEAD = 2


class Steps:
    """Runs a step again and again on a state that stays on the devices.

    Args:
        executable: Executable of the step. Its parameters are a batch, then
            the state; its results those named, then what of the state changed.
        state: list of arrays.
        results: list of str, names of what the step returns, in order.
        updated: list of int, the places in the state that it changes.
    """

    def __init__(self, executable, state, *, results, updated):
        self._run = executable
        self._names, self._updated = results, updated
        self._state = [executable.put(np.asarray(x)) for x in state]

    def train_steps(self, batches, count, sums):
        """Some steps; see engines.engine.TensorFlowEngine.

        Args:
            batches: iterator of batches: a list, a parameter each, of what
                `Executable.put` gives.
            count: int.
            sums: dict of scalars.
        """
        sums = {name: np.asarray(value) for name, value in sums.items()}
        under_way, seen = collections.deque(), _Seen(sums)
        for _ in range(int(count)):
            under_way.append(self._step(next(batches)))
            if len(under_way) > _AHEAD:
                seen.look(under_way.popleft())
        while under_way:
            seen.look(under_way.popleft())
        return seen.sums, seen.norms, seen.first_bad

    def no_sums(self, sums):
        """Zeros in the place of `sums`."""
        return {name: np.zeros_like(value) for name, value in sums.items()}

    def state(self):
        """list of arrays: the state as the steps have left it."""
        return [np.asarray(x) for x in self._state]

    def on_device(self, place):
        """An array of the state, as the first device has it."""
        return self._state[place].addressable_shards[0].data

    def _step(self, batch):
        """Starts one step; returns its results by their names."""
        results = self._run([*batch, *self._state])
        for place, x in zip(self._updated, results[len(self._names) :]):
            self._state[place] = x
        return dict(zip(self._names, results))


class _Seen:
    """What is kept of the steps' results, in their order."""

    def __init__(self, sums):
        self.sums, self.norms, self.first_bad = sums, None, -1
        self._steps = 0

    def look(self, result):
        """Waits for one step's results and adds them up."""
        result = {name: np.asarray(x) for name, x in result.items()}
        if self.first_bad < 0:
            self.norms = result["grad_norms"]
            if not np.isfinite(result["loss"] + result["grad_norm"]):
                self.first_bad = self._steps
        self.sums = {
            name: total + (1 if name == "steps" else result[name])
            for name, total in self.sums.items()
        }
        self._steps += 1
