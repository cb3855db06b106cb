"""A run, in Python: its folder, and what can be done with what is in it.

Letters: n images, h w an image's height and width, f features, k classes.
"""

import os
from typing import NamedTuple

import numpy as np
import scipy.special

from simclr.commands.devices import take_devices
from simclr.commands.session import session
from simclr.data.images.reader import Reader
from simclr.data.sources.arrays import ArrayReader
from simclr.data.sources.registry import open_source
from simclr.engines import ENGINES, KINDS, startup
from simclr.evaluation.split import Part
from simclr.runs import folder as run_folder
from simclr.runs import metrics


class Predictions(NamedTuple):
    """A classifier's answers.

    Attributes:
        labels: list of str [n], the likeliest class of each image.
        probabilities: float32 [n, k], in the order of Run.class_names.
        ids: list of str [n]; of an array of images their numbers.
    """

    labels: list
    probabilities: object
    ids: list


class Run:
    """A run folder.

    Any argument of a command that names a run takes one.

    Args:
        workdir: the folder.
        stopped: str, why the command that returns it stopped early, with
            everything saved; "" when it finished.

    Attributes:
        workdir: str, absolute.
        stopped: str.
    """

    def __init__(self, workdir, stopped=""):
        self.workdir = os.path.abspath(os.path.expanduser(workdir))
        self.stopped = stopped
        self._loaded = {}

    def __fspath__(self):
        return self.workdir

    def __repr__(self):
        stopped = f", stopped by {self.stopped}" if self.stopped else ""
        return f"Run({self.workdir!r}{stopped})"

    @property
    def config(self):
        """Its Config."""
        return run_folder.read_config(self.workdir)

    @property
    def metrics(self):
        """The rows of metrics so far, a list of dict."""
        return metrics.read(os.path.join(self.workdir, "metrics.jsonl"))

    @property
    def results(self):
        """What `evaluate` found on the run's own images, a dict; {} before."""
        return run_folder.read_json(self.workdir, "results.json") or {}

    @property
    def encoder(self):
        """The encoder, a keras.Model from float images in [0, 1] to [n, f]."""
        return self._trained("load_encoder").model

    @property
    def classifier(self):
        """The classifier, a keras.Model from such images to logits [n, k].

        Raises:
            InputError: the run is none, as after `pretrain`.
        """
        return self._trained("load_classifier").model

    @property
    def class_names(self):
        """The classifier's classes, a list of str [k]."""
        trained = self._trained("load_classifier")
        numbers = [str(i) for i in range(trained.num_classes)]
        return trained.class_names or numbers

    def embed(
        self,
        images,
        *,
        strategy=KINDS[0],
        replicas=0,
        engine=ENGINES[0],
        quiet=False,
    ):
        """Features of images, as evaluation sees them (center_view).

        Args:
            images: a folder or other words for images, or an array of them:
                [n, h, w, 3], uint8 or float in [0, 1], or n of [h, w, 3].
            strategy, replicas, engine: the devices that share the images, as
                for simclr.evaluate; all GPUs where there are some.
            quiet: bool, show no bar.

        Returns:
            vectors: float32 [n, f].
            ids: list of str [n]; of an array of images their numbers. Images
                of a folder that cannot be read are left out.

        Raises:
            InputError: there are no such images or devices, or no image can
                be read.
        """
        devices = strategy, replicas, engine
        return self._answers("load_encoder", images, devices, quiet)

    def predict(
        self,
        images,
        *,
        strategy=KINDS[0],
        replicas=0,
        engine=ENGINES[0],
        quiet=False,
    ):
        """The classifier's answers for images.

        Args:
            images, strategy, replicas, engine, quiet: as for `embed`.

        Returns:
            Predictions: labels, probabilities, ids.

        Raises:
            InputError: as for `embed`, or the run is no classifier.
        """
        devices = strategy, replicas, engine
        logits, ids = self._answers("load_classifier", images, devices, quiet)
        shares = scipy.special.softmax(logits, axis=1)
        names = self.class_names
        labels = [names[i] for i in shares.argmax(axis=1)]
        return Predictions(labels, shares, ids)

    def evaluate(self, **arguments):
        """Scores the run, as simclr.evaluate(run, ...).

        Returns:
            dict, as simclr.evaluate.
        """
        from simclr.commands.use.evaluate import evaluate

        return evaluate(self.workdir, **arguments)

    def _trained(self, load, strategy=None):
        """The newest weights; read again when the run has gone on."""
        startup.start_tensorflow()
        import tensorflow as tf

        from simclr.runs import weights

        strategy = strategy or tf.distribute.get_strategy()
        step = weights.newest_step(self.workdir)
        # Where the variables lie: jax's devices have it from the default.
        key = load, strategy.extended
        if key not in self._loaded or self._loaded[key].step != step:
            self._loaded[key] = getattr(weights, load)(self.workdir, strategy)
        return self._loaded[key]

    def _answers(self, load, images, devices, quiet):
        """(float32 [n, ...], ids): what a net says of images."""
        with session(quiet=quiet):
            strategy = take_devices(*devices).strategy
            trained = self._trained(load, strategy)
            from simclr.engines.workers import Workers
            from simclr.inference.forward import Infer
            from simclr.inference.parts import embed_part

            reader = _reader(images)
            rows = np.arange(len(reader.source))
            read, answers = embed_part(
                Infer(trained.model, strategy),
                Part(reader, rows, np.full(len(rows), -1)),
                image_size=trained.image_size,
                workers=Workers(strategy),
            )
            return answers, [reader.source.id(row) for row in read.rows]


def load(path, *, model=None):
    """A run, to use it.

    Args:
        path: run folder.
        model: the keras.Model that it was trained with, where one was given as
            pretrain(model=...); whoever asked by a name, or for a function,
            need not give it again.

    Returns:
        Run.

    Raises:
        InputError: there is no run in the folder, or the model is none.
    """
    if model is not None:
        startup.start_tensorflow()
        from simclr.models.encoders import outside

        outside.hand_in(model)
    run = Run(path)
    run_folder.read_config(run.workdir)
    return run


def _reader(images):
    """A Reader of whatever images are given."""
    if isinstance(images, str | os.PathLike):
        return Reader(open_source(os.path.expanduser(images)))
    return ArrayReader(images)
