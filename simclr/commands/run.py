"""A run, in Python: its folder, and what can be done with what is in it.

Letters: n images, h w an image's height and width, f features, k classes.
"""

import os
from typing import NamedTuple

import numpy as np

from simclr.commands.session import session
from simclr.data.images.reader import Reader
from simclr.data.sources.arrays import ArrayReader
from simclr.data.sources.registry import open_source
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

    def embed(self, images, *, quiet=False):
        """Features of images, as evaluation sees them (center_view).

        Args:
            images: a folder or other words for images, or an array of them:
                [n, h, w, 3], uint8 or float in [0, 1], or n of [h, w, 3].
            quiet: bool, show no bar.

        Returns:
            vectors: float32 [n, f].
            ids: list of str [n]; of an array of images their numbers. Images
                of a folder that cannot be read are left out.

        Raises:
            InputError: there are no such images, or none can be read.
        """
        return self._answers("load_encoder", images, quiet)

    def predict(self, images, *, quiet=False):
        """The classifier's answers for images.

        Args:
            images, quiet: as for `embed`.

        Returns:
            Predictions: labels, probabilities, ids.

        Raises:
            InputError: as for `embed`, or the run is no classifier.
        """
        logits, ids = self._answers("load_classifier", images, quiet)
        shares = _softmax(logits)
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

    def _trained(self, load):
        """The newest weights; read again when the run has gone on."""
        from simclr.engines import startup

        startup.start_tensorflow()
        from simclr.runs import weights

        step = weights.newest_step(self.workdir)
        if load not in self._loaded or self._loaded[load].step != step:
            self._loaded[load] = getattr(weights, load)(self.workdir)
        return self._loaded[load]

    def _answers(self, load, images, quiet):
        """(float32 [n, ...], ids): what a net says of images."""
        with session(quiet=quiet):
            trained = self._trained(load)
            import tensorflow as tf

            from simclr.inference.features import embed_part
            from simclr.inference.forward import Infer

            reader = _reader(images)
            rows = np.arange(len(reader.source))
            read, answers = embed_part(
                Infer(trained.model, tf.distribute.get_strategy()),
                Part(reader, rows, np.full(len(rows), -1)),
                image_size=trained.image_size,
            )
            return answers, [reader.source.id(row) for row in read.rows]


def load(path):
    """A run, to use it.

    Args:
        path: run folder.

    Returns:
        Run.

    Raises:
        InputError: there is no run in the folder.
    """
    run = Run(path)
    run_folder.read_config(run.workdir)
    return run


def _reader(images):
    """A Reader of whatever images are given."""
    if isinstance(images, str | os.PathLike):
        return Reader(open_source(os.path.expanduser(images)))
    return ArrayReader(images)


def _softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
