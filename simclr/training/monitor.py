"""Evaluation while training: health always, kNN where labels exist."""

import functools

from simclr import config as config_lib
from simclr.data import batches
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.evaluation import health, knn
from simclr.evaluation.accuracy import top_k_accuracy
from simclr.evaluation.agreement import neighbour_agreement
from simclr.evaluation.split import split
from simclr.inference import features
from simclr.inference.forward import encode
from simclr.inference.parts import embed_parts
from simclr.messages.errors import InputError
from simclr.pictures import sheets
from simclr.runs import best
from simclr.training import baselines

# Images whose two views measure alignment, and those on the sheet of views.
_PAIRS = 512
_SHEET = 8


class Monitor:
    """Watches an encoder on a fixed part of the images.

    Args:
        config: the Config.
        reader: Reader of the training images.
        task: the task being trained.
        strategy: tf.distribute strategy, or PjrtDevices.
        workers: workers.Workers, who all embed together.

    Attributes:
        eval_reader: Reader of the held-out images, or None.
        scored: Part of the images scored last that could be read, or None.
    """

    def __init__(self, config, reader, task, strategy, workers):
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
        self._views = functools.partial(
            batches.sample_views,
            reader,
            seed=config.seed,
            step=task.total_steps,  # It is never trained on.
            image_size=config.data.image_size,
            augment=config.augment,
        )
        # A teacher's features, [images, d]; what is looked at may be others.
        self._learned = None
        if self._parts.look.reader is reader:
            self._learned = task.learned
        self._pair_count = min(_PAIRS, len(reader.source))
        self._untrained = functools.partial(
            baselines.untrained, config, strategy
        )
        # What a run that starts from weights has before its first step is no
        # untrained encoder.
        self._first = best.START if config.init else "untrained_"
        self._place = baselines.place(
            config,
            self._parts,
            image_size=self._size,
            total_steps=task.total_steps,
            strategy=strategy,
        )

    @property
    def note(self):
        """What a user should know about the labels; usually empty."""
        return self._parts.note

    def draw_views(self, path):
        """Draws a few images' views; `path` is the PNG's."""
        views = self._views(count=min(_SHEET, self._pair_count))
        sheets.views_sheet(*views, path)

    def known_baselines(self):
        """What `run` would give of them, scored by an earlier run; or None."""
        return baselines.read(self._place)

    def run(self, say, *, with_baselines=False):
        """Scores the encoder as it is; `say` gets warnings of a collapse.

        Returns:
            scores: dict of floats: health.health's, and "knn", the top-1
                accuracy of weighted kNN with k = 20, where there are labels;
                "agreement" of the neighbours with a teacher's.
            beside: dict of those of the encoder that the run began with, as
                "untrained_knn", or "start_knn" where it starts from weights,
                and "raw_pixels_knn"; empty unless `with_baselines`, and where
                the weights that the run started from are gone.
        """
        encoders = {"trained": self._encode}
        if with_baselines:
            try:
                encoders["untrained"] = self._untrained()
            except InputError as error:
                say(f"Note: what the run began with is not scored: {error}")
        scores = self._scores(encoders)
        look = self._parts.look
        for warning in health.diagnose(
            scores["trained"], self._num_features, len(look), look.alike
        ):
            say(f"Warning: {warning}")
        beside = {}
        if "untrained" in scores:
            beside = {
                f"{self._first}{k}": v for k, v in scores["untrained"].items()
            }
            if "raw_pixels" in scores:
                beside["raw_pixels_knn"] = scores["raw_pixels"]["knn"]
            baselines.write(self._place, beside)
        return scores["trained"], beside

    def _scores(self, encoders):
        """dict of an encoder's name -> its scores; raw pixels beside two."""
        names, nets = ["look"], dict(encoders)
        if self._parts.score is not None:
            names += ["fit", "score"]
            if len(encoders) > 1:
                nets["raw_pixels"] = features.raw_pixels
        found = embed_parts(
            nets,
            {name: getattr(self._parts, name) for name in names},
            image_size=self._size,
            workers=self._workers,
            progress=False,
        )
        self.scored, _ = found.get("score", (None, None))
        look, look_h = found["look"]
        scores = {name: {} for name in nets}
        for name, encoder in encoders.items():
            view1, view2 = (
                features.in_batches(encoder, view, self._workers)
                for view in self._pairs
            )
            scores[name] = health.health(look_h[name], view1, view2)
            if self._learned is not None:
                scores[name]["agreement"] = neighbour_agreement(
                    look_h[name], self._learned[look.rows]
                )
        if "fit" in found:
            for name in nets:
                scores[name]["knn"] = _knn(*found["fit"], *found["score"], name)
        return scores

    @functools.cached_property
    def _pairs(self):
        """The views whose alignment is measured."""
        return self._views(count=self._pair_count)


def _knn(fit, fit_h, score, score_h, name):
    """Top-1 accuracy by the features of a name."""
    votes = knn.knn_predict(
        fit_h[name],
        fit.labels,
        score_h[name],
        len(fit.reader.source.class_names),
    )
    return top_k_accuracy(votes, score.labels)
