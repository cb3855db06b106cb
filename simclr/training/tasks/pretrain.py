"""Stage 1: contrast between two views, without labels.

Shapes: n = images per replica, f = features, d = projection dimensions, k =
classes.
"""

import tensorflow as tf

from simclr.data.sources import open_source
from simclr.losses import objectives
from simclr.models import heads
from simclr.training import distributed
from simclr.training.memory import Memory
from simclr.training.nets import build_encoder, build_head
from simclr.training.tasks.task import Task


class Pretrain(Task):
    """SimCLR pretraining (Chen et al. 2020, Algorithm 1).

    Where there are labels, an online linear probe learns beside it from
    features whose gradient is stopped. With memory.size, projections of earlier
    batches are negatives too (simclr/training/memory.py).
    """

    @classmethod
    def images(cls, config):
        """All of them, with or without labels."""
        objectives.check(config.loss.name, memory=config.memory.size > 0)
        source = open_source(config.data.source, labels=config.data.labels)
        # Some anchors meet the key that their own image left an epoch ago, and
        # are told to flee it. Epochs being shuffled, their share is
        # (K / images)^2 / 2: 1 in 8 at this limit, 1 in 760 on ImageNet.
        if 2 * config.memory.size > len(source):
            raise ValueError(
                f"memory.size={config.memory.size} is more than half of the "
                f"{len(source)} images of {source.name}: too many images would "
                "be their own negatives."
            )
        return source, source.class_names

    def build(self, num_classes):
        """Encoder, projection head and, for k > 0 classes, the probe."""
        self.scalars = ("loss", *objectives.scalars(self.config.loss.name))
        self.encoder = build_encoder(self.config)
        features = self.encoder.output["h"].shape[-1]
        self.head = build_head(self.config, features)
        models = {"encoder": self.encoder, "head": self.head}
        if num_classes and self.config.train.probe:
            self.linear = heads.linear_probe(features, num_classes)
            models["probe"] = self.linear
            self.scalars += ("probe_loss", "probe_accuracy")
        self.memory = None
        if self.config.memory.size:
            # Built last: the nets above start as they would without it.
            self.memory = Memory(
                [self.encoder, self.head],
                [
                    build_encoder(self.config),
                    build_head(self.config, features),
                ],
                size=self.config.memory.size,
                momentum=self.config.memory.momentum,
                final_momentum=self.config.memory.final_momentum,
                total_steps=self.total_steps,
            )
            models |= self.memory.models
        return models

    def losses(self, views, batch):
        """The contrast of the views, and the probe's loss."""
        h = self.encoder(tf.concat(views, 0), training=True)["h"]
        z = self.head(h, training=True)["z"]  # [2n, d]
        z1, z2 = tf.split(z, 2)
        loss, scalars = self.contrast(z1, z2)
        total = self.config.loss.weight * loss
        scalars = {"loss": loss, **scalars}
        if self.linear is not None:
            scalars |= probe_scores(self.linear, h, batch["label"])
            total += scalars["probe_loss"]
        return total, scalars

    def contrast(self, z1, z2):
        """The objective of the global batch, from projections [n, d]."""
        loss = self.config.loss
        step = tf.cast(
            tf.convert_to_tensor(self.optimizer.iterations), tf.int32
        )
        return objectives.call(
            loss.name,
            z1,
            z2,
            temperature=loss.temperature,
            trade_off=loss.trade_off,
            seed=tf.stack([self.config.seed, step]),
            **(self.memory.negatives() if self.memory else {}),
        )

    def after_update(self, views, step):
        """The momentum encoder remembers the second view."""
        if self.memory is not None:
            self.memory.update(views[1], step)


def probe_scores(probe, h, label):
    """Loss and accuracy of the online probe; the encoder feels nothing of it.

    Args:
        probe: layer from features to logits.
        h: [2n, f] features of both views.
        label: int32 [n]; rows with -1 do not count.

    Returns:
        dict of "probe_loss" and "probe_accuracy", means over labelled rows.
    """
    label = tf.concat([label, label], 0)  # [2n]
    logits = probe(tf.stop_gradient(h))
    known = tf.cast(label >= 0, logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(label, 0), logits=logits
    )
    hits = tf.argmax(logits, 1, output_type=tf.int32) == label
    # The global count, so that replicas with few labels weigh no more.
    [count] = distributed.sum_over_replicas([tf.reduce_sum(known)])
    count /= distributed.num_replicas()
    return {
        "probe_loss": tf.math.divide_no_nan(
            tf.reduce_sum(losses * known), count
        ),
        "probe_accuracy": tf.math.divide_no_nan(
            tf.reduce_sum(tf.cast(hits, known.dtype) * known), count
        ),
    }
