"""The task finetune: a classifier from few labels, the teacher.

Shapes: n = images per replica, k = classes.
"""

import tensorflow as tf

from simclr.data.labels.few import require_classes
from simclr.data.sources.registry import open_source
from simclr.data.sources.subset import Subset
from simclr.models import classifier
from simclr.training.tasks.task import Task


class Finetune(Task):
    """SimCLRv2 fine-tuning (Chen et al. 2020b, arXiv 2006.10029, Section 2).

    The same net from fresh weights is the supervised baseline.
    """

    views = 1

    @classmethod
    def open_data(cls, config):
        """Those with a label."""
        source = open_source(config.data.source, labels=config.data.labels)
        return Subset(source, require_classes(source)), source.class_names

    def build(self, num_classes):
        """Encoder, what is taken of the head, and the linear classifier."""
        self.scalars = ("loss", "accuracy")
        self.classifier = classifier.build(self.config, num_classes)
        self.linear = self.classifier.models["classifier"]
        return self.classifier.models

    def losses(self, views, batch):
        """Cross entropy with the labels."""
        [view] = views
        logits = self.classifier.logits(view, training=True)  # [n, k]
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=batch["label"], logits=logits
            )
        )
        hits = tf.argmax(logits, 1, output_type=tf.int32) == batch["label"]
        accuracy = tf.reduce_mean(tf.cast(hits, loss.dtype))
        return loss, {"loss": loss, "accuracy": accuracy}
