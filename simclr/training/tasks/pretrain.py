"""The task pretrain: contrast between two views, without labels.

Shapes: n = images per replica, f = features, d = projection dimensions, k =
classes.
"""

import tensorflow as tf

from simclr import collectives
from simclr.config import Start
from simclr.data.sources.registry import open_source
from simclr.losses import objectives
from simclr.messages.errors import InputError
from simclr.models import backbones, heads, parts
from simclr.models.backbones import build_encoder
from simclr.models.heads import build_head
from simclr.training import gradient_cache
from simclr.training.negatives import MomentumNegatives, start_equal
from simclr.training.tasks.objective import objective
from simclr.training.tasks.task import Task

_FEW = 100_000  # Images; with millions training from scratch is right.
_VERY_FEW = 1000  # Of so few a student is no better (docs/students.md).


class Pretrain(Task):
    """SimCLR pretraining (Chen et al. 2020, Algorithm 1).

    Where there are labels, an online linear probe learns beside it from
    features whose gradient is stopped. With negatives.size, projections of
    earlier batches are negatives too (simclr/training/negatives.py). What
    keeps a run near the weights that it starts from is config.Start's.

    Attributes:
        anchor: the encoder as it was at the start, or None. It is in the
            checkpoints, so that a run needs nothing else to go on.
        head_steps: steps at the start in which the heads learn alone.
    """

    @classmethod
    def open_data(cls, config):
        """All of them, with or without labels."""
        objectives.check(config.loss.name, negatives=config.negatives.size > 0)
        if config.start != Start() and not config.init:
            raise InputError(
                "The settings start.* keep a run near the weights that it "
                "starts from, and there are none: say --init=RUN."
            )
        source = open_source(config.data.source, labels=config.data.labels)
        # Some anchors meet the projection that their own image left an epoch
        # ago, and are told to flee it. Epochs being shuffled, their share is
        # (K / images)^2 / 2: 1 in 8 at this limit, 1 in 760 on ImageNet.
        if 2 * config.negatives.size > len(source):
            raise InputError(
                f"negatives.size={config.negatives.size} is more than half of "
                f"the {len(source)} images of {source.name}: too many "
                "images would be their own negatives."
            )
        if not config.init and len(source) < _FEW:
            better = (
                "a published encoder as it is may be better, in no time: "
                "simclr import"
                if len(source) < _VERY_FEW
                else "a student of a published encoder may be better in the "
                "same time: simclr distill --teacher=ENCODER"
            )
            source.notes = [
                *source.notes,
                f"{len(source):,} images are few to train from scratch on; "
                f"{better} (docs/students.md has figures, and where to get "
                "one)",
            ]
        return source, source.class_names

    def build(self, num_classes):
        """Encoder, projection head and, for k > 0 classes, the probe."""
        if self.config.train.microbatch:
            gradient_cache.prepare(self.config.train.microbatch)
        self.scalars = ("loss", *objectives.scalars(self.config.loss.name))
        self.encoder = build_encoder(
            self.config.model, self.config.data.image_size
        )
        parts.freeze(
            self.encoder,
            backbones.parts(self.config.model),
            self.config.start.freeze,
        )
        self.head_steps = round(
            self.config.start.head_epochs
            * self.num_examples
            / self.config.batch_size
        )
        self._heads_alone = False  # Whether such a step is being traced.
        features = self.encoder.output["h"].shape[-1]
        self.head = build_head(self.config.model, features)
        models = {"encoder": self.encoder, "head": self.head}
        if num_classes and self.config.train.probe:
            self.linear = heads.linear_probe(
                features, num_classes, init=self.config.model.head_init
            )
            models["probe"] = self.linear
            self.scalars += ("probe_loss", "probe_accuracy")
        self.negatives = None
        if self.config.negatives.size:
            # Built last: the nets above start as they would without it.
            self.negatives = MomentumNegatives(
                [self.encoder, self.head],
                [
                    build_encoder(
                        self.config.model, self.config.data.image_size
                    ),
                    build_head(self.config.model, features),
                ],
                size=self.config.negatives.size,
                momentum=self.config.negatives.momentum,
                final_momentum=self.config.negatives.final_momentum,
                total_steps=self.total_steps,
            )
            models |= self.negatives.models
        self.anchor = None
        if self.config.start.anchor:
            self.anchor = build_encoder(
                self.config.model, self.config.data.image_size
            )
            start_equal(self.anchor, self.encoder)
            self.anchor.trainable = False
            models["anchor_encoder"] = self.anchor
            self.scalars += ("anchor",)
        return models

    @property
    def learning(self):
        """All that is trained; the heads while they learn alone."""
        if not self._heads_alone:
            return self.variables
        encoder = {id(v) for v in self.encoder.trainable_variables}
        return [v for v in self.variables if id(v) not in encoder]

    def train_step(self, strategy, batch):
        """One update; with train.microbatch by gradient caching.

        Both kinds of step are one program: the count of steps, which is in the
        checkpoints, says which it is. All replicas count alike, so they meet
        in the same branch.
        """
        if not self.head_steps:
            return self._train_step(strategy, batch)

        def heads_alone():
            self._heads_alone = True
            try:
                return self._train_step(strategy, batch)
            finally:
                self._heads_alone = False

        step = tf.convert_to_tensor(self.optimizer.iterations)
        return tf.cond(
            step < self.head_steps,
            heads_alone,
            lambda: self._train_step(strategy, batch),
        )

    def _train_step(self, strategy, batch):
        if not self.config.train.microbatch:
            return super().train_step(strategy, batch)
        return gradient_cache.train_step(self, strategy, batch)

    def losses(self, views, batch):
        """The contrast of the views, and what is learned image by image."""
        h, z1, z2 = self.encode(views)
        total, scalars = self.contrast(z1, z2)
        count = self.labelled(batch)
        loss, found = self.by_image(h, views, batch["label"], count)
        return total + loss, scalars | found

    def encode(self, views):
        """Features h [2n, f] and the projections of both views, [n, d] each."""
        if self.config.model.joint_views:
            h = self._features(tf.concat(views, 0))
            z1, z2 = tf.split(self.head(h, training=True)["z"], 2)
            return h, z1, z2
        h1, h2 = (self._features(view) for view in views)
        z1, z2 = (self.head(h, training=True)["z"] for h in (h1, h2))
        return tf.concat([h1, h2], 0), z1, z2

    def _features(self, images):
        """Features h of images, by an encoder that learns or is left alone."""
        if self._heads_alone:
            return tf.stop_gradient(self.encoder(images, training=False)["h"])
        training = not self.config.start.freeze_norm
        return self.encoder(images, training=training)["h"]

    def contrast(self, z1, z2):
        """The objective from projections [n, d], and its scalars."""
        more = self.negatives.loss_arguments() if self.negatives else {}
        value, scalars = objective(self, z1, z2, **more)
        return self.config.loss.weight * value, {"loss": value, **scalars}

    def labelled(self, batch):
        """How many of the global batch's images have a label, over R.

        Not this replica's count: then replicas with few labels would weigh as
        much as those with many.

        Returns:
            float32 scalar, the same on every replica.
        """
        own = tf.reduce_sum(tf.cast(batch["label"] >= 0, tf.float32))
        [count] = collectives.sum_over_replicas([own])
        return count / collectives.num_replicas()

    def by_image(self, h, views, label, count):
        """What is learned image by image: the probe, and the anchor's pull.

        Args:
            h, label, count: as in `probe`.
            views: tuple of the two views of these rows, [n, h, w, 3] each.

        Returns:
            loss: what it adds to the contrast; 0 when there is nothing.
            scalars: dict, sums over the rows as `probe` has them, "anchor" for
                the anchor's before its weight.
        """
        scalars = self.probe(h, label, count)
        loss = scalars.get("probe_loss", 0)
        if self.anchor is not None:
            scalars["anchor"] = self._distance(h, views)
            loss += self.config.start.anchor * scalars["anchor"]
        return loss, scalars

    def _distance(self, h, views):
        """1 - cosine of features [2n, f] and the start's, over all 2n."""
        if self._heads_alone:  # They are the start's.
            return tf.zeros([], h.dtype)
        start = self.anchor(tf.concat(views, 0), training=False)["h"]
        cosine = tf.reduce_sum(
            tf.math.l2_normalize(h, axis=1)
            * tf.math.l2_normalize(start, axis=1),
            axis=1,
        )
        rows = 2 * self.config.batch_size / collectives.num_replicas()
        return tf.reduce_sum(1 - cosine) / rows

    def probe(self, h, label, count):
        """Scores of the online probe; the encoder feels nothing of it.

        Args:
            h: [2n, f] features of both views.
            label: int32 [n]; rows with -1 do not count.
            count: scalar, `labelled` of the batch, of which these rows may be
                a part.

        Returns:
            dict of "probe_loss" and "probe_accuracy", sums over labelled rows
            divided by twice `count`; empty when there is no probe.
        """
        if self.linear is None:
            return {}
        label = tf.concat([label, label], 0)  # [2n]
        logits = self.linear(tf.stop_gradient(h))
        known = tf.cast(label >= 0, logits.dtype)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.maximum(label, 0), logits=logits
        )
        hits = tf.argmax(logits, 1, output_type=tf.int32) == label
        hits = tf.cast(hits, known.dtype)
        rows = 2 * tf.cast(count, known.dtype)
        return {
            name: tf.math.divide_no_nan(tf.reduce_sum(x * known), rows)
            for name, x in {
                "probe_loss": losses,
                "probe_accuracy": hits,
            }.items()
        }

    def words(self, scalar):
        """The share of views whose match is nearest names no classes."""
        return "views matched" if scalar == "accuracy" else scalar

    def after_update(self, views, step):
        """The momentum encoder remembers the second view."""
        if self.negatives is not None:
            self.negatives.follow(step)
            self.negatives.remember(self.negatives.project(views[1]))
