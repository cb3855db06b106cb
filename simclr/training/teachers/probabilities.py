"""Teachers' probabilities, computed once an image and kept in the run folder.

Letters: m = images, k = classes.
"""

import contextlib
import hashlib
import json
import os
import shutil

import numpy as np
import tensorflow as tf

from simclr.data import probes
from simclr.engines.strategies import is_chief
from simclr.inference import shard_writer
from simclr.inference.forward import Infer
from simclr.messages.say import say
from simclr.models import classifier
from simclr.runs import classes, weights
from simclr.runs import folder as run_folder
from simclr.storage import array_file, json_text
from simclr.storage.whole import whole_path, write_whole

_NAME = "teacher_probabilities.npy"
_KEY = "teacher_probabilities.json"  # What they are of.
_PARTS = "teacher_probabilities"  # Those of each teacher, until all are there.
_SHARD = 512  # Images that a look which is killed begins anew.


def cached_probabilities(config, reader, strategy, workers, workdir, stopper):
    """Mean probabilities of the teachers for every image's centre, and of its
    mirror image.

    All workers compute them, in parts that a look which was stopped or killed
    has no need to begin again; the chief writes them, whole or not at all. A
    run that goes on finds them there, as long as they are of the same weights
    of the same teachers, at the same temperature, and of the same images.

    Args:
        config: the Config of a distillation.
        reader: Reader of the training images.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers.
        workdir: run folder, on a disk that all workers share.
        stopper: stopping.Stopper, asked with every batch.

    Returns:
        float32 [m, k], mapped from the file: it need not fit into memory. The
        rows of images that cannot be read are 0.

    Raises:
        Stopped: it was asked to. What is lost is a shard's begin.
    """
    distill, source = config.distill, reader.source
    chief = is_chief(strategy)
    path, beside = (os.path.join(workdir, name) for name in (_NAME, _KEY))
    key = _key(distill, source)
    shape = len(source), len(classes.of_all(distill.teachers))
    there = _is_there(path, beside, key, shape)
    # The chief's word counts: others may look while it clears up.
    if not workers.gather([float(there)])[0, 0]:
        digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=8)
        parts = os.path.join(workdir, _PARTS)
        if chief:
            for old in (beside, path):  # The key first: it vouches for them.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(old)
            _remove_others(parts, digest.hexdigest())
        looks = _looks(
            os.path.join(parts, digest.hexdigest()),
            distill,
            reader,
            strategy,
            workers,
            stopper,
        )
        if chief:
            with whole_path(path) as file:
                out = array_file.create(file, np.float32, shape)
                for shards in looks:
                    for p, rows in shards.with_rows(source):
                        out[rows] += p / len(distill.teachers)
                out.flush()
            write_whole(beside, json.dumps(key, indent=1) + "\n")
            shutil.rmtree(parts)
    workers.gather([0.0])  # The others wait for the chief's disk.
    return array_file.mapped(path)


def _looks(folder, distill, reader, strategy, workers, stopper):
    """Each teacher's probabilities, at its own evaluation size, for an image
    and its mirror image: a list of Shards."""
    order = classes.of_all(distill.teachers)
    found = []
    for number, path in enumerate(distill.teachers):
        teacher = weights.load_classifier(path, strategy, order)

        def look(x, net=teacher.model):
            """At the image and its mirror image, as training flips it."""
            both = tf.concat([x, tf.reverse(x, [2])], 0)
            p = classifier.probabilities([net], both, distill.temperature)
            return tf.add_n(tf.split(p, 2)) / 2

        say(f"Teacher   {path} looks at each image once")
        infer = Infer(look, strategy)
        infer.channels = teacher.model.input_shape[-1]
        found.append(
            shard_writer.write_shards(
                os.path.join(folder, str(number)),
                infer,
                reader,
                of={},
                image_size=teacher.image_size,
                dtype="float32",
                images_per_shard=_SHARD,
                workers=workers,
                asked=stopper.asked,
            )
        )
    return found


def _remove_others(parts, name):
    """Parts of other weights, or of other images, have no use any more."""
    for other in os.listdir(parts) if os.path.isdir(parts) else ():
        if other != name:
            shutil.rmtree(os.path.join(parts, other))


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
        kept = array_file.mapped(path)
        return same and kept.shape == shape
    return False
