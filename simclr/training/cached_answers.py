"""Teachers' probabilities, computed once an image and kept in the run folder.

Letters: m = images, k = classes.
"""

import contextlib
import os
import sys

import numpy as np
import tensorflow as tf

from simclr.inference.features import embed
from simclr.inference.forward import Infer
from simclr.messages.say import say
from simclr.models import classifier
from simclr.runs import weights
from simclr.storage.whole import whole_file
from simclr.training.tasks.distill import teachers_classes

_NAME = "teacher_probabilities.npy"


def cached_probabilities(config, reader, strategy, workers, workdir, chief):
    """Mean probabilities of the teachers for every image's centre, and of its
    mirror image.

    The chief computes them and writes them whole or not at all; a run that
    goes on finds them there.

    Args:
        config: the Config of a distillation.
        reader: Reader of the training images.
        strategy: tf.distribute strategy.
        workers: strategy.Workers.
        workdir: run folder.
        chief: whether this process writes.

    Returns:
        float32 [m, k], mapped from the file: it need not fit into memory.
    """
    path = os.path.join(workdir, _NAME)
    shape = len(reader.source), len(teachers_classes(config.distill.teachers))
    if chief and not _is_there(path, shape):
        p = teacher_probabilities(config.distill, reader, strategy)
        with whole_file(path, "wb") as file:
            np.save(file, p)
    workers.gather([0.0])  # The others wait here.
    return np.load(path, mmap_mode="r", allow_pickle=False)


def teacher_probabilities(distill, reader, strategy):
    """Mean probabilities of teachers, each at its own evaluation size, for
    an image and its mirror image.

    Args:
        distill: config.Distill.
        reader: Reader of the images.
        strategy: tf.distribute strategy.

    Returns:
        float32 [m, k].
    """
    total = 0.0
    for path in distill.teachers:
        with strategy.scope():
            teacher = weights.load_classifier(path)

        def look(x, net=teacher.model):
            """At the image and its mirror image, as training flips it."""
            both = tf.concat([x, tf.reverse(x, [2])], 0)
            p = classifier.probabilities([net], both, distill.temperature)
            return tf.add_n(tf.split(p, 2)) / 2

        infer = Infer(look, strategy)
        say(f"Teacher   {path} looks at each image once")
        total += embed(
            infer,
            reader,
            image_size=teacher.image_size,
            progress=sys.stderr.isatty(),
        )
    return np.float32(total / len(distill.teachers))


def _is_there(path, shape):
    with contextlib.suppress(OSError, ValueError):
        return np.load(path, mmap_mode="r", allow_pickle=False).shape == shape
    return False
