"""The task distill_encoder: a student learns a frozen encoder, without labels.

Shapes: n = images per replica, f = features of the student, d = dimensions of
what it learns, q = images in the queue.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from simclr.data.sources.registry import open_source
from simclr.losses import objectives
from simclr.losses.distilling import encoder_distillation
from simclr.messages.errors import InputError
from simclr.models.backbones import build_encoder
from simclr.models.dtypes import float32_or_wider
from simclr.models.heads import build_head
from simclr.training.tasks.objective import objective
from simclr.training.tasks.task import Task
from simclr.training.teachers import features as teacher_features

# A number of a feature, looked at again on another device, is as near.
_SAME = 0.05
# Of a queue that no loss needs: enough to know the teacher by.
_KNOWN = 64


class DistillEncoder(Task):
    """A student of a teacher's similarities (SEED, 2101.04731) or features.

    The teacher has seen each image once (simclr/training/teachers/features.py);
    the student sees it cropped and coloured, so it learns, too, what the
    teacher never saw. With distill_encoder.contrast the objective of
    pretraining is beside it, of two views.
    """

    @classmethod
    def open_data(cls, config):
        """All of them, with or without labels."""
        if config.distill_encoder.contrast:
            objectives.check(config.loss.name, negatives=False)
        source = open_source(config.data.source, labels=config.data.labels)
        return source, source.class_names

    @property
    def views(self):
        """One of an image; two for the objective of pretraining."""
        return 2 if self.config.distill_encoder.contrast else 1

    @property
    def target_dims(self):
        """d: the teacher's features come with a batch."""
        return self.config.distill_encoder.dims

    def build(self, num_classes):
        """Encoder, the linear layer to the teacher's features, the queue."""
        del num_classes
        wanted = self.config.distill_encoder
        self.scalars = ("loss", "cosine")
        self.encoder = build_encoder(
            self.config.model, self.config.data.image_size
        )
        features = self.encoder.output["h"].shape[-1]
        self.regressor = _regressor(features, wanted.dims)
        models = {"encoder": self.encoder, "regressor": self.regressor}
        size = _KNOWN
        if wanted.target == "similarities":
            self.scalars += ("divergence",)
            size = wanted.queue
        self.queue = models["queue"] = FixedQueue(
            min(size, self.num_examples), wanted.dims
        )
        if wanted.contrast:
            self.head = models["head"] = build_head(self.config.model, features)
            self.scalars += (
                "contrast",
                *objectives.scalars(self.config.loss.name),
            )
        return models

    def targets(self, reader, strategy, workers, workdir, step, stopper):
        """The teacher's features of all images; they fill the queue at step 0.

        Args:
            As of Task.targets.

        Returns:
            float16 [images, d].

        Raises:
            InputError: the run began with another teacher.
            Stopped: as of Task.targets.
        """
        found = self.learned = teacher_features.targets(
            self.config, reader, strategy, workers, workdir, stopper
        )
        features = self.queue.features
        now = teacher_features.queue_of(
            found, features.shape[0], self.config.seed
        )
        if step == 0:
            features.assign(now)
        elif np.abs(now - np.asarray(features)).max() > _SAME:
            raise InputError(
                f"{workdir} began with another teacher than "
                f"{self.config.distill_encoder.teacher} is now: its features "
                "are others. Choose another --workdir."
            )
        return found

    def losses(self, views, batch):
        """What the student lacks of the teacher, and the contrast beside it."""
        h = [self.encoder(view, training=True)["h"] for view in views[:1]]
        if len(views) == 2:
            both = self.encoder(tf.concat(views, 0), training=True)["h"]
            h = tf.split(both, 2)
        student = self.regressor(tf.concat(h, 0))
        teacher = tf.concat([batch["target"]] * len(h), 0)
        total, scalars = self._distilled(student, teacher)
        cosine = encoder_distillation.mean_cosine(student, teacher)
        scalars = {"loss": total, "cosine": cosine, **scalars}
        if len(views) == 2:
            contrast, more = self._contrast(*h)
            total += self.config.distill_encoder.contrast * contrast
            scalars |= {**more, "loss": total, "contrast": contrast}
        return total, scalars

    def _distilled(self, student, teacher):
        wanted = self.config.distill_encoder
        if wanted.target == "features":
            return encoder_distillation.feature_distillation(
                student=student,
                teacher=teacher,
                temperature=wanted.temperature,
            )
        return encoder_distillation.similarity_distillation(
            student=student,
            teacher=teacher,
            queue=tf.convert_to_tensor(self.queue.features),
            temperature=wanted.temperature,
            teacher_temperature=wanted.teacher_temperature,
            own=self.queue.features.shape[0] < self.num_examples,
        )

    def _contrast(self, h1, h2):
        """The objective of pretraining, from features [n, f] of two views."""
        z = self.head(tf.concat([h1, h2], 0), training=True)["z"]
        value, scalars = objective(self, *tf.split(z, 2))
        return self.config.loss.weight * value, scalars

    def words(self, scalar):
        """What the cosine is of."""
        return {"cosine": "cosine to the teacher"}.get(scalar, scalar)


class FixedQueue(keras.layers.Layer):
    """The teacher's features that similarities are to; they stay.

    A checkpoint keeps them: a lowered step has them as its state, and a run
    that goes on knows its teacher by them.

    Args:
        size: q.
        dims: d.
    """

    def __init__(self, size, dims):
        super().__init__(dtype=float32_or_wider(), name="queue")
        self.features = self.add_weight(
            shape=(size, dims),
            initializer="zeros",
            trainable=False,
            name="features",
        )
        self.built = True


def _regressor(features, dims):
    """The linear layer from h to the teacher's features, built."""
    found = layers.Dense(dims, dtype=float32_or_wider(), name="regressor")
    found.build((None, features))
    return found
