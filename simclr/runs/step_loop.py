"""The loop of a run: step, log, evaluate, checkpoint, stop, each when due.

Whatever runs the steps and whatever keeps their results; no TensorFlow here.
"""

import time

from simclr.messages import signals

# Begins the names, in a checkpoint, of the sums since the last row of metrics.
_ROW = "row/"


class RunSchedule:
    """Steps at which a row ends, a checkpoint or an evaluation is due.

    A row of metrics is the mean of the steps since the row before. All is a
    function of the config alone, so that a resumed run writes the same rows.
    What is due just before the end waits for it, a row for up to half its
    period: a run is a step longer than its epochs, and a row of one step would
    say little.

    Args:
        config: the Config.
        num_examples: images in an epoch.
        total_steps: steps of the run.
    """

    def __init__(self, config, num_examples, total_steps):
        def steps(epochs):
            return max(1, round(epochs * num_examples / config.batch_size))

        log = config.train.log_steps
        evaluate = config.train.eval_epochs and steps(config.train.eval_epochs)
        checkpoint = steps(config.train.checkpoint_epochs)
        # How near to the end each waits for it. A kill loses what no
        # checkpoint has.
        self._log = log, log // 2
        self._evaluate = evaluate, evaluate // 2
        self._checkpoint = checkpoint, max(1, checkpoint // 20)
        self._total = total_steps

    def next(self, step):
        """The first step after `step` at which something is due."""
        periods = [self._log, self._checkpoint, self._evaluate]
        ahead = [
            ((step // period + 1) * period, near)
            for period, near in periods
            if period
        ]
        due = [at for at, near in ahead if self._total - at > near]
        return min([*due, self._total])

    def checkpoint(self, step):
        """Whether a checkpoint is due at `step`."""
        return self._is_due(step, *self._checkpoint)

    def evaluate(self, step):
        """Whether an evaluation is due at `step`."""
        return self._evaluate[0] > 0 and self._is_due(step, *self._evaluate)

    def _is_due(self, step, period, near):
        if step == self._total:
            return True
        return step % period == 0 and self._total - step > near


def run(
    config,
    engine,
    batches,
    *,
    step,
    total_steps,
    sums,
    run_schedule,
    recorder,
    stopper,
    pace,
    not_finite,
):
    """From `step` to the end, or to a stop.

    Args:
        config: the Config.
        engine: has `train_steps(batches, count, sums)`, see
            engines.engine.TensorFlowEngine, and `pull()`, called before the
            state is saved or scored.
        batches: what the engine takes.
        step: int, steps done.
        total_steps: int.
        sums: dict of scalars since the last row of metrics, "steps" among them.
        run_schedule: RunSchedule.
        recorder: recorder.Recorder, or what has its methods.
        stopper: Stopper.
        pace: Pace.
        not_finite: function of a step, the norms of its gradients and the name
            of the last checkpoint, to a message.

    Returns:
        "" when the run is finished, else why it stopped before.

    Raises:
        FloatingPointError: the loss or a gradient was not finite.
        Stopped: by a signal, while nothing was unsaved.
    """
    if step and run_schedule.evaluate(step):
        recorder.evaluate(step)  # It may have been killed before that.
    while step < total_steps:
        timed_steps, timed_seconds, speed = 0, 0.0, None
        stop_at = run_schedule.next(step)
        while step < stop_at:
            count = pace.steps(stop_at - step)
            started = time.monotonic()
            sums, norms, bad = engine.train_steps(batches, count, sums)
            signals.unsaved()
            if int(bad) >= 0:
                raise FloatingPointError(
                    not_finite(
                        step + int(bad), norms, recorder.newest_checkpoint()
                    )
                )
            seconds = time.monotonic() - started
            step += count
            if pace.measured(count, seconds):
                timed_steps += count
                timed_seconds += seconds
                speed = timed_steps * config.batch_size / timed_seconds
            recorder.progress(step, _means(sums), speed)
            if step < stop_at and (stop := stopper.reason()):
                engine.pull()
                recorder.save(step, {_ROW + k: v for k, v in sums.items()})
                signals.saved()
                return stop
        recorder.log(step, _means(sums), speed)
        sums = engine.no_sums(sums)
        stop = stopper.reason() if step < total_steps else ""
        # Whoever is stopped or killed while it scores has lost no step.
        evaluate = not stop and run_schedule.evaluate(step)
        if stop or evaluate or run_schedule.checkpoint(step):
            engine.pull()
            recorder.save(step)
            signals.saved()
        if stop:
            return stop
        signals.raise_noted()
        if evaluate:
            recorder.evaluate(step)
    recorder.finish(step)
    return ""


def pop_sums(arrays):
    """Takes the sums of a row that was not full out of a checkpoint.

    Args:
        arrays: dict of name -> array; loses them.

    Returns:
        dict of name -> array.
    """
    names = [name for name in arrays if name.startswith(_ROW)]
    return {name[len(_ROW) :]: arrays.pop(name) for name in names}


def _means(sums):
    """Means of scalars over the steps since the last row, floats."""
    steps = float(sums["steps"])
    return {k: float(v) / steps for k, v in sums.items() if k != "steps"}
