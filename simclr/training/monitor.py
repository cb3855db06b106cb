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
from simclr.inference.forward import encode
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
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: strategies.Workers, who all embed together.
        workdir: run folder; gets `views.png`; "": none does.

    Attributes:
        eval_reader: Reader of the held-out images, or None.
        scored: Part of the images scored last that could be read, or None.
    """

    def __init__(self, config, reader, task, strategy, workers, workdir):
        self._workers = workers
        self.eval_reader = self.scored = None
        if config.data.eval_source:
            self.eval_reader = Reader(
                open_source(
                    config.data.eval_source, labels=config.data.eval_labels
                )
            )
        self._size = config_lib.eval_image_size(config)
        self._parts = split(
            reader,
            self.eval_reader,
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
        if workdir:
            path = os.path.join(workdir, "views.png")
            sheets.views_sheet(*(view[:_SHEET] for view in self._pairs), path)

    @property
    def note(self):
        """What a user should know about the labels; usually empty."""
        return self._parts.note

    def baselines(self):
        """What the trained encoder is to be compared with, before step 1."""
        scores, raw_pixels_knn = self._scores(raw_pixels=True)
        row = {f"untrained_{k}": v for k, v in scores.items()}
        if raw_pixels_knn is not None:
            row["raw_pixels_knn"] = raw_pixels_knn
        return row

    def run(self, say):
        """Scores the encoder as it is; `say` gets warnings of a collapse.

        Returns:
            dict of floats: health.health's, and "knn", the top-1 accuracy of
            weighted kNN with k = 20, where there are labels.
        """
        scores, _ = self._scores()
        for warning in health.diagnose(
            scores, self._num_features, len(self._parts.look)
        ):
            say(f"Warning: {warning}")
        return scores

    def _scores(self, raw_pixels=False):
        """(dict of the encoder's scores, kNN of raw pixels or None)."""
        nets = {"h": self._encode}
        names = ["look"]
        if self._parts.score is not None:
            names += ["fit", "score"]
            nets |= {"raw": features.raw_pixels} if raw_pixels else {}
        found = features.embed_parts(
            nets,
            {name: getattr(self._parts, name) for name in names},
            image_size=self._size,
            workers=self._workers,
            progress=False,
        )
        self.scored, _ = found.get("score", (None, None))
        view1, view2 = (
            features.in_batches(self._encode, view, self._workers)
            for view in self._pairs
        )
        scores = health.health(found["look"][1]["h"], view1, view2)
        knns = {
            name: _knn(*found["fit"], *found["score"], name)
            for name in nets
            if "fit" in found
        }
        if "h" in knns:
            scores["knn"] = knns["h"]
        return scores, knns.get("raw")


def _knn(fit, fit_h, score, score_h, name):
    """Top-1 accuracy by the features of a name."""
    votes = knn.knn_predict(
        fit_h[name],
        fit.labels,
        score_h[name],
        len(fit.reader.source.class_names),
    )
    return top_k_accuracy(votes, score.labels)
