"""Evaluation of a classifier while it trains: accuracy on held-out images."""

import numpy as np

from simclr.config import eval_image_size
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.split import Part, scored_labels
from simclr.inference.forward import Infer
from simclr.inference.parts import embed_part


class ClassifierMonitor:
    """Scores a classifier on the run's evaluation images, if it has any.

    Args:
        config: the Config.
        class_names: list of str, the classifier's.
        task: the task being trained.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers, who all score together.

    Attributes:
        note: str, what a user should know about the labels; usually empty.
        eval_reader: Reader of the evaluation images, or None.
        scored: Part of the images scored last that could be read, or None.

    Raises:
        InputError: no class of the evaluation images is the classifier's.
    """

    def __init__(self, config, class_names, task, strategy, workers):
        self._part, self.note = None, ""
        self.eval_reader = self.scored = None
        self._workers = workers
        self._size = eval_image_size(config)
        self._infer = Infer(task.classifier.logits, strategy)
        if not config.data.eval_source:
            return
        source = open_source(
            config.data.eval_source, labels=config.data.eval_labels
        )
        if source.labels is None:
            self.note = (
                f"{source.unlabelled()} (--eval_labels=labels.csv gives "
                "them); nothing is scored"
            )
            return
        number = {name: i for i, name in enumerate(class_names)}
        labels, self.note = scored_labels(source, number, "the classifier")
        rng = np.random.default_rng(config.seed)
        rows = rng.permutation(np.flatnonzero(source.labels >= 0))
        rows = np.sort(rows[: config.train.eval_images])
        self.eval_reader = Reader(source)
        self._part = Part(self.eval_reader, rows, labels[rows])

    def draw_views(self, path):
        """Nothing: a classifier's views are no pairs."""

    def known_baselines(self):
        """None to wait for: chance is one over the number of classes."""
        return {}

    def run(self, say, *, with_baselines=False):
        """Scores the classifier as it is; there is nothing to `say`.

        Returns:
            dict of "test_accuracy", top-1; empty without held-out labels.
            dict, empty: of baselines.
        """
        del say, with_baselines
        if self._part is None:
            return {}, {}
        self.scored, logits = embed_part(
            self._infer,
            self._part,
            image_size=self._size,
            workers=self._workers,
            progress=False,
        )
        accuracy = top_k_accuracy(logits, self.scored.labels)
        return {"test_accuracy": accuracy}, {}
