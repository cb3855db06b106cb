"""Images on the device beside the host path, on a CPU, in one process.

    python benchmarks/images_on_device.py --images=CIFAR10/train --size=32

Two ways from files to the views of a batch, all augmentations done: the host
path (data/batches.py), and views that the step cuts out of stored images
(engines/stored_images.py). They take turns; a turn is a new run of the input
over some steps. What is told are medians over the rounds, in CPU-seconds (user
and system time of all threads, resource.getrusage) and in seconds of the clock,
and of each round's ratio. Every image has been decoded before: small ones stay
so on the host, too.

    --recipe=configs/cifar10_resnet18_cpu.py   its views; default: CIFAR-10's
    --step   whole training steps of the recipe, the net's part too
"""

import argparse
import resource
import statistics
import time

import tensorflow as tf

from simclr import config as config_lib
from simclr.data import batches as batches_lib
from simclr.data import stored_batches
from simclr.data.images import image_array
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.engine import TensorFlowEngine
from simclr.engines.stored_images import StoredImages
from simclr.training.tasks import TASKS


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", required=True, help="a folder")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--side", type=int, default=0, help="as stored_size")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recipe", default="configs/cifar10_resnet18_cpu.py")
    parser.add_argument("--step", action="store_true")
    arguments = parser.parse_args()
    config = config_lib.load(
        arguments.recipe,
        [f"batch_size={arguments.batch}", f"data.image_size={arguments.size}"],
    )
    reader = Reader(open_source(arguments.images))
    side = arguments.side or image_array.side_for(reader, arguments.size)[0]
    started = time.monotonic()
    images, rows = image_array.load(reader, side=side, view=arguments.size)
    print(
        f"{len(images):,} images of {side} pixels stored in "
        f"{time.monotonic() - started:.1f} s, {images.nbytes / 1e6:,.0f} MB; "
        f"views of {arguments.size}, batch {arguments.batch}, "
        f"{arguments.rounds} rounds of {arguments.steps} steps"
    )
    task = TASKS["pretrain"](
        config,
        num_examples=len(images),
        num_classes=len(reader.source.class_names or ()),
    )
    ways = {
        name: Way(name, task, (images, rows), reader, arguments.step)
        for name in ("host", "device")
    }
    found = {name: [] for name in ways}
    for number in range(arguments.rounds + 1):
        first = number * arguments.steps
        for name, way in ways.items():
            spent = way.go(first, first + arguments.steps)
            if number:  # The first compiles, and fills the host's memory.
                found[name].append(spent)
    tell(found, arguments.batch * arguments.steps)


class Way:
    """From files to what a step takes, or to its end.

    Args:
        name: "host" or "device".
        task: a task.
        stored: (images, rows) of image_array.load.
        reader: Reader of them.
        whole: bool, whole steps.
    """

    def __init__(self, name, task, stored, reader, whole):
        self._images, self._rows = stored
        self._task, self._reader, self._whole = task, reader, whole
        strategy, kept = tf.distribute.get_strategy(), None
        if name == "device":
            kept = StoredImages(self._images, task, strategy)
        self._engine = TensorFlowEngine(task, strategy, kept)
        self._views = kept and tf.function(kept.views, autograph=False)
        names = ("steps", *task.scalars, *task.measures)
        self._sums = {name: tf.zeros([]) for name in names}

    def go(self, first, last):
        """Steps first .. last - 1: (CPU-seconds, seconds)."""
        started, before = time.monotonic(), cpu_seconds()
        with self._engine.batches(self._datasets(first, last)) as batches:
            if self._whole:
                self._engine.train_steps(batches, last - first, self._sums)
            else:
                [iterator] = batches.iterators
                for batch in iterator:
                    if self._views:
                        batch = self._views(batch)
                    batch["view1"][0, 0, 0].numpy()  # It is there.
        return cpu_seconds() - before, time.monotonic() - started

    def _datasets(self, first, last):
        config = self._task.config
        made = {
            "replicas": 1,
            "seed": config.seed,
            "batch_size": config.batch_size,
            "first_step": first,
            "last_step": last,
        }
        if self._views:
            return stored_batches.stored_batches(
                self._reader, self._rows, **made
            )
        return batches_lib.training_batches(
            self._reader,
            image_size=config.data.image_size,
            augment=config.augment,
            on_device=False,
            **made,
        )


def cpu_seconds():
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(found, images):
    """Prints medians, and those of each round's ratios."""
    for name, rounds in found.items():
        cpu, wall = (statistics.median(x) for x in zip(*rounds))
        print(
            f"{name:8}{images / cpu:10,.0f} images a CPU-second"
            f"{images / wall:10,.0f} images a second"
        )
    ratios = [
        (host[0] / device[0], host[1] / device[1])
        for host, device in zip(found["host"], found["device"])
    ]
    cpu, wall = (statistics.median(x) for x in zip(*ratios))
    print(
        f"host / device: {cpu:.2f} in CPU-seconds, {wall:.2f} in seconds of "
        "the clock"
    )


if __name__ == "__main__":
    main()
