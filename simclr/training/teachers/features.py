"""A frozen teacher's features of all images, computed once and kept.

They lie beside the run folder, in teacher_features/, for every student of the
same teacher and the same images: the vectors as inference/shards.py keeps them,
and the students' targets, their principal components.

Letters: m = images, n = images in a shard, f = features, d = dimensions.
"""

import hashlib
import json
import os

import numpy as np
import tensorflow as tf

from simclr import config as config_lib
from simclr.data import probes
from simclr.engines.strategies import is_chief
from simclr.frozen import files
from simclr.frozen.encoder import open_encoder
from simclr.inference import shard_writer
from simclr.inference.forward import Infer
from simclr.messages.errors import InputError
from simclr.messages.say import say
from simclr.models import backbones
from simclr.runs import weights
from simclr.storage import array_file
from simclr.storage.whole import whole_path

_FOLDER = "teacher_features"
_PRECISION = "float16"
_SHARD = 512  # Images that a look which is killed begins anew.


def targets(config, reader, strategy, workers, workdir, stopper):
    """The teacher's features of every image, as a student learns them.

    All workers share the work and the disk. What is there already is not
    computed again.

    Args:
        config: Config of the student.
        reader: Reader of the training images.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers.
        workdir: the student's run folder.
        stopper: stopping.Stopper, asked with every batch.

    Returns:
        float16 [m, d], mapped from the file: rows of length 1, and 0 for images
        that cannot be read. d is distill_encoder.dims; a teacher with fewer
        features has zeros behind them, which change no cosine.

    Raises:
        InputError: there is no such teacher, or it does not fit the images.
        Stopped: it was asked to. What is lost is a shard's begin.
    """
    wanted = config.distill_encoder
    teacher = _Teacher(wanted, strategy)
    of = {
        "encoder": teacher.digest,
        "mirror": wanted.mirror,
        "image_size": teacher.image_size,
        "images": probes.digest(reader.source),
    }
    key = hashlib.blake2b(json.dumps(of).encode(), digest_size=8).hexdigest()
    folder = os.path.join(
        os.path.dirname(os.path.abspath(workdir)), _FOLDER, key
    )
    path = os.path.join(folder, f"targets_{wanted.dims}.npy")
    chief = is_chief(strategy)
    # The chief's word counts: others may look while it writes.
    if not workers.gather([float(os.path.exists(path))])[0, 0]:
        if chief:
            say(f"Teacher   {teacher.words} looks at each image once: {folder}")
        vectors = shard_writer.write_shards(
            folder,
            teacher.look,
            reader,
            of={"encoder": of["encoder"], "mirror": of["mirror"]},
            image_size=teacher.image_size,
            dtype=_PRECISION,
            images_per_shard=_SHARD,
            workers=workers,
            asked=stopper.asked,
        )
        if chief:
            with whole_path(path) as file:
                _write_components(file, vectors, reader.source, wanted.dims)
        workers.gather([0.0])
    elif chief:
        say(f"Teacher   {teacher.words}, from {folder}")
    return array_file.mapped(path)


def queue_of(features, size, seed):
    """The images that similarities are to.

    Args:
        features: [m, d], of `targets`.
        size: q.
        seed: int, chooses them.

    Returns:
        float32 [q, d]: images that can be read, each once as far as there are
        enough of them.
    """
    readable = np.flatnonzero(_readable(features))
    order = np.random.default_rng(seed).permutation(readable)
    return np.asarray(features[np.resize(order, size)], np.float32)


class _Teacher:
    """A frozen encoder, of a run or in a file.

    Attributes:
        look: from images to features, as inference.features.stream takes it.
        image_size: side of the images that it is shown, pixels.
        digest: str, tells its weights from others.
        words: str, for people.
    """

    def __init__(self, wanted, strategy):
        if not wanted.teacher:
            raise InputError("There is no teacher: say --teacher=ENCODER.")
        if files.is_encoder(wanted.teacher):
            self._in_file(wanted)
        else:
            self._of_weights(wanted, strategy)

    def _of_weights(self, wanted, strategy):
        trained = weights.load_encoder(wanted.teacher, strategy)
        self.image_size = wanted.teacher_size or trained.image_size
        # Strides, padding and the pixels' normalization are no weights.
        config = config_lib.settled(trained.config)
        net = backbones.encoder_settings(config.model)
        self.digest = f"{shard_writer.digest(trained.model)} {net}"
        self.words = wanted.teacher
        if trained.step:
            self.words += f", step {trained.step}"
        else:
            self.words += f", pixels {config.model.normalization!r}"

        def both(x):
            h = trained.model(tf.concat([x, tf.reverse(x, [2])], 0))
            return tf.add_n(tf.split(h, 2)) / 2

        self.look = Infer(both if wanted.mirror else trained.model, strategy)
        self.look.channels = trained.model.input_shape[-1]

    def _in_file(self, wanted):
        encoder = open_encoder(wanted.teacher, wanted.preprocessing)
        self.image_size = wanted.teacher_size or encoder.image_size
        if not encoder.any_size:
            self.image_size = encoder.image_size
        self.digest = encoder.digest
        self.words = encoder.words

        def both(x):
            return (encoder(x) + encoder(x[:, :, ::-1])) / 2

        self.look = both if wanted.mirror else encoder


def _write_components(path, vectors, source, dims):
    """The principal components of vectors, as targets [m, d].

    Two passes over the shards: the mean and the covariance, then the
    components. In float64, so that a million images add up.
    """
    count, total, products = 0, 0.0, 0.0
    for h, _ in vectors.with_rows(source):
        h = np.asarray(h, np.float64)
        count += len(h)
        total = total + h.sum(0)
        products = products + h.T @ h
    if not count:
        raise InputError(f"None of the {len(source)} images can be read.")
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :dims]  # [f, d]
    # An axis may point either way: the same one every time.
    largest = np.take_along_axis(axes, abs(axes).argmax(0)[None], 0)
    axes = axes * np.where(largest < 0, -1, 1)
    out = array_file.create(path, _PRECISION, (len(source), dims))
    for h, rows in vectors.with_rows(source):
        z = (np.asarray(h, np.float64) - mean) @ axes
        z /= np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
        out[rows, : z.shape[1]] = z
    out.flush()


def _readable(features):
    """Which rows are of images that could be read, bool [m]."""
    found = np.zeros(len(features), bool)
    for start in range(0, len(features), 1 << 14):
        found[start : start + (1 << 14)] = np.any(
            features[start : start + (1 << 14)], axis=1
        )
    return found
