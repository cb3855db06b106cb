"""The training loop: build, restore, step, log, evaluate, checkpoint."""

import math
import os
import sys
import time

import tensorflow as tf

from simclr import __version__
from simclr.data import pipeline
from simclr.data.reader import Reader
from simclr.data.sources import open_source
from simclr.training import checkpoint, initial, rundir
from simclr.training.outlook import Bystander, Chief
from simclr.training.stopping import Stopper
from simclr.training.strategy import is_accelerator, is_chief
from simclr.training.tasks import Pretrain


def train(config, workdir, strategy, *, max_hours=0.0, notes=()):
    """Trains `config` to its last step, resuming from `workdir` if it can.

    Args:
        config: the Config.
        workdir: the run folder.
        strategy: tf.distribute strategy.
        max_hours: save and stop after so many hours; 0 for no limit.
        notes: lines on how the config came about, kept in run.json.

    Returns:
        "" when the run is finished, else why it stopped before.

    Raises:
        ValueError: a config or folder that cannot be trained; see rundir.
        FloatingPointError: the loss or a gradient was not finite; the last
            checkpoint is from before that.
    """
    source = open_source(config.data.source, labels=config.data.labels)
    reader = Reader(source)
    chief = is_chief(strategy)
    if chief:
        rundir.open_run(workdir, config, _facts(source, strategy, notes))

    with strategy.scope():
        task = Pretrain(
            config,
            num_examples=len(source),
            num_classes=len(source.class_names or ()),
        )
        step = _restore(task, workdir, chief)

    batches = iter(
        pipeline.training_batches(
            reader,
            strategy,
            seed=config.seed,
            batch_size=config.batch_size,
            image_size=config.data.image_size,
            settings=config.augment,
            on_device=_on_device(config, strategy),
            first_step=step,
            last_step=task.total_steps,
        )
    )
    boundaries = Boundaries(config, len(source), task.total_steps)
    train_steps = make_train_steps(task, strategy)
    outlook = (
        Chief(config, reader, task, strategy, workdir, step)
        if chief
        else Bystander()
    )
    try:
        with outlook, Stopper(strategy, max_hours) as stopper:
            if step and boundaries.evaluate(step):
                outlook.evaluate(step)  # It may have been killed before that.
            while step < task.total_steps:
                count = boundaries.next(step) - step
                started = time.monotonic()
                means, norms, bad = train_steps(batches, tf.constant(count))
                bad = int(bad)
                seconds = time.monotonic() - started
                if bad >= 0:
                    raise FloatingPointError(
                        _not_finite(task, step + bad, norms, workdir)
                    )
                step += count
                outlook.log(step, means, count * config.batch_size / seconds)
                _check_images(reader, config.data.max_bad_share, workdir, chief)
                stop = stopper.reason() if step < task.total_steps else ""
                if stop or boundaries.checkpoint(step):
                    outlook.save(step)
                if stop:
                    return stop
                if boundaries.evaluate(step):
                    outlook.evaluate(step)
    finally:
        # Its threads run Python code; the interpreter cannot end beside them.
        del batches
    return ""


def make_train_steps(task, strategy):
    """One dispatch for several steps.

    Returns:
        Function of (iterator of batches, count) to
            means: dict of scalars, means over the `count` steps.
            norms: [variables], norms of the gradients of step `first_bad`, or
                of the last step.
            first_bad: the first step, from 0, whose loss or gradient was not
                finite; -1 when all were.
    """

    @tf.function
    def train_steps(batches, count):
        totals = _zeros(task)
        norms = tf.zeros([len(task.variables)], totals["loss"].dtype)
        first_bad = tf.constant(-1)
        for i in tf.range(count):
            result = strategy.run(task.step, args=(next(batches),))
            # Every replica has the same scalars (tasks.py): take ours.
            result = tf.nest.map_structure(
                lambda x: strategy.experimental_local_results(x)[0], result
            )
            good_so_far = first_bad < 0
            if good_so_far:
                norms = result["grad_norms"]
                if not tf.math.is_finite(result["loss"] + result["grad_norm"]):
                    first_bad = i
            totals = {k: totals[k] + result[k] for k in totals}
        means = {k: v / tf.cast(count, v.dtype) for k, v in totals.items()}
        return means, norms, first_bad

    return train_steps


class Boundaries:
    """Steps at which the device loop comes up for air.

    A row of metrics is the mean since the boundary before it. Boundaries are a
    function of the config alone, so that a resumed run writes the same rows.
    """

    def __init__(self, config, num_examples, total_steps):
        def steps(epochs):
            return max(1, round(epochs * num_examples / config.batch_size))

        self._log = config.train.log_steps
        self._checkpoint = steps(config.train.checkpoint_epochs)
        self._evaluate = (
            steps(config.train.eval_epochs) if config.train.eval_epochs else 0
        )
        self._total = total_steps

    def next(self, step):
        """The boundary after `step`."""
        periods = [self._log, self._checkpoint, self._evaluate]
        ahead = [(step // p + 1) * p for p in periods if p]
        return min([*ahead, self._total])

    def checkpoint(self, step):
        """Whether a checkpoint is due at `step`."""
        return _due(step, self._checkpoint, self._total)

    def evaluate(self, step):
        """Whether an evaluation is due at `step`."""
        return self._evaluate > 0 and _due(step, self._evaluate, self._total)


def _due(step, period, total):
    return step % period == 0 or step == total


def _facts(source, strategy, notes):
    """What run.json says about a run."""
    return {
        "data": {"images": len(source), "fingerprint": source.fingerprint()},
        "classes": source.class_names,
        "replicas": strategy.num_replicas_in_sync,
        "tensorflow": tf.__version__,
        "simclr": __version__,
        "notes": [*notes, *source.notes],
    }


def _restore(task, workdir, chief):
    """1 resume, 2 start from weights, 3 from scratch; returns the step."""
    found = checkpoint.read_newest(rundir.checkpoints(workdir))
    if found is not None:
        step, arrays = found
        checkpoint.assign(task.state, arrays)
        return step
    if task.config.init:
        weights = initial.read_weights(task.config.init)
        for line in initial.start_from(weights, task.models):
            if chief:
                print(f"Weights   {line}", file=sys.stderr)
    return 0


def _zeros(task):
    names = ["loss", "accuracy", "replaced"]
    if task.probe is not None:
        names += ["probe_loss", "probe_accuracy"]
    names += ["learning_rate", "grad_norm", "weight_norm"]
    double = task.config.train.precision == "float64"
    dtype = tf.float64 if double else tf.float32
    return {name: tf.zeros([], dtype) for name in names}


def _on_device(config, strategy):
    place = config.augment.place
    return place == "device" or (place == "auto" and is_accelerator(strategy))


def _not_finite(task, step, norms, workdir):
    """One line: where it broke and what is left."""
    norms = norms.numpy()
    order = sorted(
        range(len(norms)),
        key=lambda i: norms[i] if math.isfinite(norms[i]) else math.inf,
        reverse=True,
    )
    largest = ", ".join(
        f"{task.variables[i].path} {norms[i]:.3g}" for i in order[:3]
    )
    kept = checkpoint.finished(rundir.checkpoints(workdir))
    last = os.path.basename(kept[-1]) if kept else "none was written yet"
    return (
        f"The loss or a gradient is not finite at step {step} (learning rate "
        f"{float(task.schedule(step)):.4g}; largest gradients: {largest}). "
        f"Last good checkpoint: {last}. Lower optimizer.base_lr or lengthen "
        "optimizer.warmup_epochs."
    )


def _check_images(reader, max_bad_share, workdir, chief):
    """Lists replaced images; stops when there are too many of them."""
    if not reader.bad:
        return
    if chief:
        lines = [f"{name}\t{why}\n" for name, why in sorted(reader.bad.items())]
        rundir.write(workdir, "unreadable_images.tsv", "".join(lines))
    if reader.bad_share() > max_bad_share:
        raise ValueError(
            f"{len(reader.bad)} of {len(reader.source)} images are unreadable, "
            f"over data.max_bad_share={max_bad_share:g}; they are listed in "
            f"{workdir}/unreadable_images.tsv. Run simclr check."
        )
