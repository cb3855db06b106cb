"""Trains from what `simclr lower` wrote, where there is no TensorFlow.

    python RUN/train.pyz

Needs jax and NumPy alone. The folder stays a run folder: the same command
resumes where it stopped. At home `simclr evaluate RUN` scores it, and the
command that began the run (`simclr pretrain`, `finetune` or `distill`, with the
flags that it or `simclr lower` had, and --workdir=RUN) resumes it.

Letters: R = replicas.
"""

import argparse
import os
import shlex
import sys
import time

import numpy as np

from simclr.messages import signals
from simclr.messages.errors import (
    InputError,
    Stopped,
    in_one_line,
    is_bad_input,
)
from simclr.messages.say import say
from simclr.pjrt import devices as jax_devices
from simclr.pjrt import files
from simclr.pjrt.image_store import ImageStore
from simclr.pjrt.scorer import Scorer
from simclr.pjrt.steps import Steps
from simclr.runs import checkpoint, step_loop
from simclr.runs import folder as run_folder
from simclr.runs.metrics import Rows
from simclr.runs.stopping import Pace, Stopper
from simclr.storage import json_text


def main(argv=None):
    """The command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="train.pyz", description=__doc__)
    parser.add_argument(
        "run",
        nargs="?",
        default=os.path.dirname(os.path.abspath(sys.argv[0])),
        help="the folder of `simclr lower`; default: where this file lies",
    )
    parser.add_argument(
        "--platform",
        choices=["auto", "cpu", "gpu", "tpu"],
        default="auto",
        help="auto: the best that jax has",
    )
    parser.add_argument(
        "--images",
        choices=["auto", "device", "host"],
        default="auto",
        help="where the images lie; auto: on the device, if a part of its "
        "memory (data.device_share, a quarter) holds them",
    )
    parser.add_argument("--max_hours", type=float, default=0.0)
    arguments = parser.parse_args(argv)
    try:
        stopped = train(**vars(arguments))
    except Stopped as stopped:
        say(f"train.pyz: {signals.stopped_by(stopped)}")
        return signals.EXIT_STOPPED
    except (InputError, OSError, FloatingPointError) as error:
        say(f"train.pyz: {in_one_line(error)}")
        return 2 if is_bad_input(error) else 1
    return signals.EXIT_STOPPED if stopped else 0


def train(run, *, platform="auto", images="auto", max_hours=0.0):
    """Trains a lowered run to its last step, or to a stop.

    Args:
        run: folder of `simclr lower`.
        platform: "cpu", "gpu", "tpu", or "auto": the best that jax has.
        images: "device", "host" or "auto".
        max_hours: save and stop after so many hours; 0: no limit.

    Returns:
        "" when finished, else why it stopped.

    Raises:
        InputError: the folder is not a lowered run, or devices are missing.
        FloatingPointError: the loss or a gradient was not finite.
    """
    signature = _signature(run)
    config = run_folder.read_config(run)
    devices = jax_devices.devices(platform, signature["replicas"])
    say(f"Devices   {len(devices)} x {devices[0].device_kind}")
    with run_folder.open_run(run, config, run_folder.read_facts(run)):
        newest = checkpoint.read_newest(run_folder.checkpoints(run))
        if newest is None:
            raise InputError(f"{run} has no whole checkpoint: lower it again.")
        step, arrays = newest
        if step == signature["total_steps"] and run_folder.is_finished(run):
            return ""
        old = step_loop.pop_sums(arrays)
        sums = {k: np.asarray(old.get(k, 0.0)) for k in signature["sums"]}
        share = config.data.device_share
        store = ImageStore(run, "images", devices, images, share)
        where = "on the device" if store.on_device else "on the host"
        say(f"Images    {len(store):,} of {store.side} pixels, {where}")
        started = time.monotonic()
        engine = Lowered(run, signature["step"], devices, arrays)
        say(f"Compiled  in {time.monotonic() - started:.0f} s")
        run_schedule = step_loop.RunSchedule(
            config, len(store), signature["total_steps"]
        )
        alone = Alone()
        with (
            Recorder(run, config, signature, engine, store, step) as recorder,
            Stopper(alone, max_hours) as stopper,
        ):
            stopped = step_loop.run(
                config,
                engine,
                store.batches(config, step, engine.executable),
                step=step,
                total_steps=signature["total_steps"],
                sums=sums,
                run_schedule=run_schedule,
                recorder=recorder,
                stopper=stopper,
                pace=Pace(alone),
                not_finite=_not_finite,
            )
    if stopped:
        say(f"Stopped by {stopped}; saved. The same command resumes from here.")
    return stopped


class Alone:
    """Stands for the workers of a run where there is one."""

    several, index = False, 0

    @staticmethod
    def gather(values):
        """Everybody's values: a row."""
        return np.asarray(values, np.float32)[None]


class Lowered:
    """The lowered training step, and the run's state on the devices.

    Args:
        run: folder.
        program: dict, "step" of the signature.
        devices: list of jax devices, R.
        arrays: dict of name -> array: the state.
    """

    def __init__(self, run, program, devices, arrays):
        self.arrays = arrays
        self._names = program["state"]
        frozen = files.arrays(files.path(run, "frozen.npz"))
        state = [
            frozen[name] if name in frozen else arrays[name]
            for name in self._names
        ]
        self.executable = files.compiled(run, program, devices)
        self.steps = Steps(
            self.executable,
            state,
            results=program["results"],
            updated=program["updated"],
        )
        self.train_steps = self.steps.train_steps
        self.no_sums = self.steps.no_sums

    def pull(self):
        """Brings the state into `arrays`."""
        now = dict(zip(self._names, self.steps.state()))
        self.arrays.update({k: now[k] for k in self.arrays if k in now})

    def copies(self, names):
        """Arrays of the state on the first device, by their names."""
        return [self.steps.on_device(self._names.index(k)) for k in names]


class Recorder:
    """Writes the run folder and says how far it is; see recorder.Recorder."""

    def __init__(self, run, config, signature, engine, store, step):
        self._run, self._config = run, config
        self._total, self._images = signature["total_steps"], len(store)
        self._engine = engine
        self._scorer = None
        if "scoring" in signature:
            self._scorer = Scorer(run, signature["scoring"], engine, store)
        folder = run_folder.checkpoints(run)
        if step < self._total:
            checkpoint.require_room(
                checkpoint.path_of(folder, step + 1), engine.arrays
            )
        self._rows = Rows(run, step)
        self._next_line = 0.0

    def progress(self, step, means, speed):
        """A line, twice a minute."""
        if time.monotonic() < self._next_line and step < self._total:
            return
        shown = f"step {step}/{self._total}  loss {means['loss']:.3f}"
        if speed:
            self._next_line = time.monotonic() + 30
            left = (self._total - step) * self._config.batch_size
            hours = left / speed / 3600
            shown += f"  {speed:,.0f} images/s  {hours:.2f} hours left"
        say(shown)

    def log(self, step, means, speed):
        """A row of metrics."""
        self._rows.write(
            step,
            **means,
            epoch=step * self._config.batch_size / self._images,
            images_per_second=speed,
        )

    def save(self, step, row=()):
        """A checkpoint of the state that was pulled."""
        run_folder.require_still_there(self._run)
        checkpoint.save(
            run_folder.checkpoints(self._run),
            step,
            {**self._engine.arrays, **dict(row)},
            keep=self._config.train.keep_checkpoints,
        )

    def newest_checkpoint(self):
        """The newest checkpoint's name."""
        return os.path.basename(
            checkpoint.paths(run_folder.checkpoints(self._run))[-1]
        )

    def evaluate(self, step):
        """A row with kNN's accuracy, where there are labels."""
        if self._scorer is None:
            return
        knn = self._scorer.knn()
        self._rows.write(step, knn=knn)
        say(f"step {step}  knn {knn:.4f}")

    def finish(self, step):
        """Notes that the run is at its end."""
        keep = self._config.train.keep_checkpoints
        checkpoint.remove_older(run_folder.checkpoints(self._run), keep)
        run_folder.mark_finished(self._run, step)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._rows.close()


def _signature(run):
    try:
        return json_text.read(files.path(run, "signature.json"))
    except FileNotFoundError:
        raise InputError(
            f"{run} is not lowered: say simclr lower "
            f"--workdir={shlex.quote(run)}."
        ) from None
    except ValueError as error:
        raise InputError(
            f"{run}: signature.json is damaged ({error}): lower it again."
        ) from None


def _not_finite(step, norms, last):
    count = int(np.sum(~np.isfinite(norms)))
    return (
        f"The loss or a gradient is not finite at step {step} ({count} of "
        f"{len(norms)} gradients are not). Last good checkpoint: {last}. Lower "
        "optimizer.base_lr or lengthen optimizer.warmup_epochs."
    )
