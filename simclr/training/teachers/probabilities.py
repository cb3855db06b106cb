"""Teachers' probabilities, computed once an image and kept in the run folder.

Letters: m = images, k = classes.
"""

import contextlib
import json
import os

import numpy as np
import tensorflow as tf

from simclr.data import probes
from simclr.engines.strategies import is_chief
from simclr.inference.features import batches
from simclr.inference.forward import Infer
from simclr.messages.errors import Stopped
from simclr.messages.say import say
from simclr.models import classifier
from simclr.runs import classes, weights
from simclr.runs import folder as run_folder
from simclr.storage import array_file, json_text
from simclr.storage.whole import whole_path, write_whole

_NAME = "teacher_probabilities.npy"
_KEY = "teacher_probabilities.json"  # What they are of.


def cached_probabilities(
    config, reader, strategy, workers, workdir, step, stopper
):
    """Mean probabilities of the teachers for every image's centre, and of its
    mirror image.

    All workers compute them, the chief writes them, whole or not at all. A run
    that goes on finds them there, as long as they are of the same weights of
    the same teachers, at the same temperature, and of the same images.

    Args:
        config: the Config of a distillation.
        reader: Reader of the training images.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers.
        workdir: run folder.
        step: int, where the run begins; at 0 nothing is taken over.
        stopper: stopping.Stopper, asked with every batch.

    Returns:
        float32 [m, k], mapped from the file: it need not fit into memory. The
        rows of images that cannot be read are 0.

    Raises:
        Stopped: it was asked to. The look begins anew then.
    """
    chief = is_chief(strategy)
    path, beside = (os.path.join(workdir, name) for name in (_NAME, _KEY))
    key = _key(config.distill, reader.source)
    shape = len(reader.source), len(classes.of_all(config.distill.teachers))
    there = step > 0 and _is_there(path, beside, key, shape)
    # The chief's word counts: others may look while it clears up.
    there = bool(workers.gather([float(there)])[0, 0])
    if not there:
        if chief:
            for old in (beside, path):  # The key first: it vouches for them.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(old)
        with whole_path(path) if chief else contextlib.nullcontext() as file:
            out = None
            if chief:
                out = array_file.create(file, np.float32, shape)
            write_probabilities(
                out, config.distill, reader, strategy, workers, stopper
            )
            if chief:
                out.flush()
        if chief:
            write_whole(beside, json.dumps(key, indent=1) + "\n")
    workers.gather([0.0])  # The others wait for the chief's disk.
    return np.load(path, mmap_mode="r", allow_pickle=False)


def write_probabilities(out, distill, reader, strategy, workers, stopper):
    """Mean probabilities of teachers, each at its own evaluation size, for
    an image and its mirror image.

    Args:
        out: float32 [m, k], zeros, to write to, or None: this worker only
            takes part.
        distill: config.Distill.
        reader: Reader of the images.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers, or None.
        stopper: as above.
    """
    order = classes.of_all(distill.teachers)
    for path in distill.teachers:
        teacher = weights.load_classifier(path, strategy, order)

        def look(x, net=teacher.model):
            """At the image and its mirror image, as training flips it."""
            both = tf.concat([x, tf.reverse(x, [2])], 0)
            p = classifier.probabilities([net], both, distill.temperature)
            return tf.add_n(tf.split(p, 2)) / 2

        say(f"Teacher   {path} looks at each image once")
        infer = Infer(look, strategy)
        infer.channels = teacher.model.input_shape[-1]
        for rows, p in batches(
            infer,
            reader,
            np.arange(len(reader.source)),
            image_size=teacher.image_size,
            workers=workers,
        ):
            if reason := stopper.reason():
                raise Stopped(reason)
            if out is not None:
                out[rows] += p / len(distill.teachers)


def _key(distill, source):
    """What probabilities are of: a dict that JSON holds."""
    return {
        "teachers": [
            [path, run_folder.weights_digest(path)] for path in distill.teachers
        ],
        "temperature": distill.temperature,
        "images": probes.digest(source),
    }


def _is_there(path, beside, key, shape):
    with contextlib.suppress(OSError, ValueError):
        same = json_text.read(beside) == key
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
        return same and kept.shape == shape
    return False
