"""Evaluation while training: health always, kNN where labels exist."""

import os

from simclr import config as config_lib
from simclr.data import batches
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.evaluation import health, knn
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.split import split
from simclr.inference import features
from simclr.inference.forward import encode, in_batches
from simclr.pictures import sheets

# Images whose two views measure alignment, and pairs on the sheet of views.
_PAIRS = 512
_SHEET = 8


class Monitor:
    """Watches an encoder on a fixed part of the images.

    Args:
        config: the Config.
        reader: Reader of the training images.
        task: the task being trained.
        strategy: tf.distribute strategy.
        workdir: run folder; gets `views.png`.
    """

    def __init__(self, config, reader, task, strategy, workdir):
        eval_reader = None
        if config.data.eval_source:
            eval_reader = Reader(
                open_source(
                    config.data.eval_source, labels=config.data.eval_labels
                )
            )
        self._size = config_lib.eval_image_size(config)
        self._parts = split(
            reader,
            eval_reader,
            limit=config.train.eval_images,
            look_limit=config.train.eval_images,
            seed=config.seed,
        )
        self._num_features = task.encoder.output["h"].shape[-1]
        self._encode = encode(task.encoder, strategy)
        # Views of a step that is never trained on.
        self._pairs = batches.sample_views(
            reader,
            seed=config.seed,
            step=task.total_steps,
            count=min(_PAIRS, len(reader.source)),
            image_size=config.data.image_size,
            augment=config.augment,
        )
        view1, view2 = self._pairs
        sheets.views_sheet(
            view1[:_SHEET], view2[:_SHEET], os.path.join(workdir, "views.png")
        )

    @property
    def note(self):
        """What a user should know about the labels; usually empty."""
        return self._parts.note

    def baselines(self):
        """What the trained encoder is to be compared with, before step 1."""
        row = {f"untrained_{k}": v for k, v in self._scores().items()}
        if self._parts.score is not None:
            row["raw_pixels_knn"] = self._knn(features.raw_pixels)
        return row

    def run(self, say):
        """Scores the encoder as it is; `say` gets warnings of a collapse.

        Returns:
            dict of floats: health.health's, and "knn", the top-1 accuracy of
            weighted kNN with k = 20, where there are labels.
        """
        scores = self._scores()
        for warning in health.diagnose(
            scores, self._num_features, len(self._parts.look)
        ):
            say(f"Warning: {warning}")
        return scores

    def _scores(self):
        _, h = self._embed(self._encode, self._parts.look)
        view1, view2 = (in_batches(self._encode, view) for view in self._pairs)
        scores = health.health(h, view1, view2)
        if self._parts.score is not None:
            scores["knn"] = self._knn(self._encode)
        return scores

    def _knn(self, encode):
        fit, fit_h = self._embed(encode, self._parts.fit)
        score, score_h = self._embed(encode, self._parts.score)
        votes = knn.knn_predict(
            fit_h, fit.labels, score_h, len(fit.reader.source.class_names)
        )
        return top_k_accuracy(votes, score.labels)

    def _embed(self, encode, part):
        return features.embed_part(
            encode, part, image_size=self._size, progress=False
        )
