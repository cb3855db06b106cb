"""The training loop: build, restore, step, log, evaluate, checkpoint."""

import contextlib
import functools
import hashlib
import math
import os

import numpy as np
import tensorflow as tf

from simclr import config as config_lib
from simclr.data import batches, stored_batches
from simclr.data.images.reader import Reader
from simclr.data.views import colour
from simclr.engines import image_place, precisions
from simclr.engines.engine import make_engine
from simclr.engines.profiling.profiled import ProfiledEngine
from simclr.engines.strategies import is_accelerator, is_chief
from simclr.engines.workers import Workers
from simclr.messages.counts import counted
from simclr.messages.errors import InputError, joined
from simclr.messages.say import say
from simclr.optimizers.schedules import total_steps
from simclr.runs import checkpoint, step_loop, weight_arrays
from simclr.runs import folder as run_folder
from simclr.runs.stopping import Pace, Stopper
from simclr.training import run_facts, start
from simclr.training.recorder import Recorder, SilentRecorder
from simclr.training.tasks import TASKS


def train(
    config,
    workdir,
    strategy,
    *,
    max_hours=0.0,
    new_images=False,
    profile=False,
    notes=(),
    callbacks=(),
):
    """Trains `config` to its last step, resuming from `workdir` if it can.

    Args:
        config: the Config.
        workdir: the run folder.
        strategy: tf.distribute strategy, or PjrtDevices.
        max_hours: save and stop after so many hours; 0 for no limit.
        new_images: whether the images may be others than when it stopped.
        profile: trace some steps into the run folder, and say where their time
            went.
        notes: lines on how the config came about, kept in run.json.
        callbacks: functions, called with each row of metrics, a dict, on the
            chief; one that returns True saves the run and stops it.

    Returns:
        "" when the run is finished, else why it stopped before.

    Raises:
        InputError: a config or folder that cannot be trained, see
            runs/folder.py; or too many unreadable images, once it is saved.
        FloatingPointError: the loss or a gradient was not finite; the last
            checkpoint is from before that.
    """
    precisions.require(strategy, config.train.precision)
    kind = TASKS[config.task]
    source, class_names = kind.open_data(config)
    _require_planes(source, config)
    reader = Reader(source)
    workers = Workers(strategy)
    chief = is_chief(strategy)
    speak = say if chief else lambda text: None
    speak(f"Labels    {_labels(source)}")
    for note in source.notes:
        speak(f"Note      {joined(note)}")
    side = image_place.stored_side(config, reader, strategy, workdir)
    stopper = Stopper(workers, max_hours)
    with contextlib.ExitStack() as stack:
        stack.enter_context(stopper)
        if chief:
            facts = run_facts.facts_of(
                source, class_names, strategy.num_replicas_in_sync, notes
            ) | image_place.facts(side)
            change = stack.enter_context(
                run_folder.open_run(
                    workdir,
                    config,
                    facts,
                    new_images=new_images,
                    total_steps=total_steps(
                        config.epochs, len(source), config.batch_size
                    ),
                )
            )
        with strategy.scope():
            task = kind(
                config,
                num_examples=len(source),
                num_classes=len(class_names or ()),
            )
            step, sums = restore(task, class_names, workdir, chief)
        if chief and change:
            run_facts.tell_changes(change, task, step)
        _require_same_start(workers, step, config, side)
        if step == task.total_steps and run_folder.is_finished(workdir):
            return ""
        targets = task.targets(
            reader, strategy, workers, workdir, step, stopper
        )
        schedule = step_loop.RunSchedule(
            config, task.num_examples, task.total_steps
        )
        recorder = (Recorder if chief else SilentRecorder)(
            config,
            reader,
            class_names,
            task,
            strategy,
            workers,
            workdir,
            step,
            evaluated=not schedule.evaluate(step),
            on_row=functools.partial(_tell, callbacks, stopper),
            ask=stopper.ask,
        )
        stack.enter_context(recorder)
        on_device = colour.on_device(config.augment, is_accelerator(strategy))
        datasets, images = _input(
            config,
            reader,
            side,
            speak,
            on_device=on_device,
            replicas=strategy.num_replicas_in_sync,
            first_step=step,
            last_step=task.total_steps,
            views=task.views,
            targets=targets,
        )
        engine = make_engine(task, strategy, on_device=on_device, images=images)
        del images  # They lie on the devices.
        if profile:
            folder = os.path.join(workdir, "profile") if chief else ""
            engine = ProfiledEngine(engine, folder, say)
            stack.callback(engine.close)
        steps = stack.enter_context(engine.batches(datasets))
        stopped = step_loop.run(
            config,
            engine,
            steps,
            step=step,
            total_steps=task.total_steps,
            sums=sums,
            run_schedule=schedule,
            recorder=recorder,
            stopper=stopper,
            pace=Pace(workers),
            not_finite=functools.partial(_not_finite, task),
        )
        if isinstance(stopped, InputError):
            raise stopped  # All is saved.
        return stopped
    return stopper.asked()


def _input(config, reader, side, speak, *, on_device, **options):
    """What the steps take.

    Args:
        config: Config.
        reader: Reader of the images.
        side: of image_place.stored_side.
        speak: function of a line of text.
        on_device: as for batches.training_batches.
        **options: as for both kinds of batches.

    Returns:
        datasets: function of a tf.distribute.InputContext to a Dataset.
        images: uint8 [m, side, side, 3] to lie on the devices, or None.
    """
    options |= {"seed": config.seed, "batch_size": config.batch_size}
    if side:
        images, rows = image_place.load(config, reader, side, speak)
        return stored_batches.stored_batches(reader, rows, **options), images
    datasets = batches.training_batches(
        reader,
        image_size=config.data.image_size,
        augment=config.augment,
        on_device=on_device,
        **options,
    )
    return datasets, None


def _require_planes(source, config):
    """Stops where the net takes other planes than the source gives."""
    if source.num_planes != config.model.extra_planes:
        raise InputError(
            f"{source.name} has {counted(source.num_planes, 'plane')} beside "
            f"the colours: say --set model.extra_planes={source.num_planes}, "
            f"not {config.model.extra_planes}."
        )


def _tell(callbacks, stopper, row):
    """A row of metrics to each callback; True asks for a stop."""
    for callback in callbacks:
        answer = callback(dict(row))
        if isinstance(answer, bool | np.bool_) and answer:
            stopper.ask(_name(callback))


def _name(callback):
    return getattr(callback, "__name__", type(callback).__name__)


def _labels(source):
    """How many images have a label, in words."""
    if source.labels is None:
        return "none (not needed)"
    count = int((source.labels >= 0).sum())
    classes = counted(len(source.class_names), "class", "classes")
    return f"{counted(count, 'image')} in {classes}"


def restore(task, class_names, workdir, chief):
    """1 resume, 2 start from weights, 3 from scratch.

    Returns:
        step: int.
        sums: dict of scalars since the last row of metrics.
    """
    sums = _zeros(task)
    found = checkpoint.read_newest(run_folder.checkpoints(workdir))
    if found is not None:
        step, arrays = found
        sums |= {
            name: tf.cast(value, sums[name].dtype)
            for name, value in step_loop.pop_sums(arrays).items()
        }
        checkpoint.assign(task.state, arrays)
        return step, sums
    if task.config.init:
        arrays = weight_arrays.read_weights(
            task.config.init, class_names, model=task.config.model
        )
        for line in start.start_from(arrays, task.models):
            if chief:
                say(f"Weights   {line}")
    return 0, sums


def _require_same_start(workers, step, config, side):
    """Workers that do not share a disk would train apart without a word."""
    digest = hashlib.blake2b(config_lib.to_json(config).encode(), digest_size=2)
    mine = [step, int(digest.hexdigest(), 16), side]
    if np.any(workers.gather(mine) != np.float32(mine)):
        raise InputError(
            "The workers do not start alike (same step, same config, images "
            "on the device or not): the run folder must lie on a disk that all "
            "of them share, and data.place=auto takes like devices."
        )


def _zeros(task):
    names = ["steps", *task.scalars, *task.measures]
    double = task.config.train.precision == "float64"
    dtype = tf.float64 if double else tf.float32
    return {name: tf.zeros([], dtype) for name in names}


def _not_finite(task, step, norms, last):
    """One line: where it broke and what is left."""
    norms = np.asarray(norms)
    order = sorted(
        range(len(norms)),
        key=lambda i: norms[i] if math.isfinite(norms[i]) else math.inf,
        reverse=True,
    )
    largest = ", ".join(
        f"{task.variables[i].path} {norms[i]:.3g}" for i in order[:3]
    )
    return (
        f"The loss or a gradient is not finite at step {step} (learning rate "
        f"{float(task.schedule(step)):.4g}; largest gradients: {largest}). "
        f"Last good checkpoint: {last}. Lower optimizer.base_lr or lengthen "
        "optimizer.warmup_epochs."
    )
