"""A config's training step, traced and compiled for slices."""

import dataclasses
import functools
import time

import keras

from simclr.data.views import colour
from simclr.lowering import program, xla
from simclr.messages.counts import counted
from simclr.messages.errors import InputError, first_line
from simclr.tpu import buffers, compiler
from simclr.tpu.slices import GIB
from simclr.training.tasks import TASKS


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the compiler says of a step on a slice.

    Attributes:
        compiled: compiler.Compiled; None: it does not fit.
        needed: bytes of memory that a replica needs.
        total_steps: steps of the run at this batch size.
    """

    compiled: compiler.Compiled | None
    needed: int
    total_steps: int


class StepCompiler:
    """The step of one config.

    Args:
        config: Config.
        images: int, images of an epoch.
        classes: int, classes among their labels; 0: there are none.
        say: function of a line of text, called as work is done.
    """

    def __init__(self, config, *, images, classes, say):
        self._config = config
        self._images = images
        self._classes = classes
        self._say = say
        # One at a time, for it holds a net's weights. Slices that are looked
        # at in turn share it where they have as many replicas.
        self._traced = functools.lru_cache(maxsize=1)(self._trace)

    def look(self, slice_, batch_size, microbatch, *, code):
        """Compiles the step for a slice.

        Args:
            slice_: slices.Slice.
            batch_size: int, images of all replicas.
            microbatch: int, as train.microbatch.
            code: bool, compile to the end; else up to the buffers.

        Returns:
            Answer.

        Raises:
            InputError: a TPU cannot run it, with the line that is to blame.
        """
        lowered, total_steps = self._traced(
            batch_size, microbatch, slice_.replicas
        )
        started = time.monotonic()
        try:
            ask = compiler.compile_for if code else buffers.assign
            compiled = ask(slice_, lowered.hlo)
            needed = compiled.memory
        except compiler.DoesNotFit as error:
            compiled, needed = None, error.needed
        except compiler.Refused as error:
            where = xla.made_at(lowered.graph, str(error))
            raise InputError(
                f"The TPU's compiler refuses the step: {first_line(error)}"
                f"{where and f' (made at {where})'}"
            ) from error
        how = f", {microbatch:,} at a time" if microbatch else ""
        how += "" if code else ", up to its buffers"
        self._say(
            f"Compiled  batch {batch_size:,}{how}: {needed / GIB:.2f} GiB, in "
            f"{time.monotonic() - started:.0f} s"
        )
        if needed > slice_.device.hbm:
            compiled = None
        return Answer(compiled, needed, total_steps)

    def _trace(self, batch_size, microbatch, replicas):
        """The step as a program.Program, and how many of them a run has."""
        started = time.monotonic()
        config = dataclasses.replace(
            self._config,
            batch_size=batch_size,
            train=dataclasses.replace(
                self._config.train, microbatch=microbatch
            ),
        )
        task = TASKS[config.task](
            config, num_examples=self._images, num_classes=self._classes
        )
        lowered = program.lower_task(
            task,
            replicas=replicas,
            on_device=colour.on_device(config.augment, accelerator=True),
        )
        keras.backend.clear_session()
        self._say(
            f"Traced    batch {batch_size:,} for "
            f"{counted(replicas, 'replica')} in "
            f"{time.monotonic() - started:.0f} s"
        )
        return lowered, task.total_steps
