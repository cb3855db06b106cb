"""The task distill: a student learns a teacher's labels on all images.

Shapes: n = images per replica, h w = a view's height and width, k = classes.
"""

import tensorflow as tf

from simclr.data.labels.numbers import align
from simclr.data.sources.registry import open_source
from simclr.losses.distilling.distillation import distillation
from simclr.messages.errors import InputError
from simclr.models import classifier, dtypes
from simclr.runs import classes, weights
from simclr.training.tasks.task import Task
from simclr.training.teachers import probabilities


class Distill(Task):
    """SimCLRv2 distillation (Chen et al. 2020b, arXiv 2006.10029, Section 2).

    The teachers see the view that the student sees, in inference mode; or,
    cached, each image's centre and its mirror image once, and then their
    answers come with the batch.
    """

    views = 1

    @classmethod
    def open_data(cls, config):
        """All of them; labels matter where alpha is below 1."""
        class_names = classes.of_all(config.distill.teachers)
        source = open_source(config.data.source, labels=config.data.labels)
        try:
            align(source, class_names)
        except InputError as error:
            if config.distill.alpha < 1 or config.data.labels:
                raise  # Labels that the user named are not left out.
            source.labels = source.class_names = None
            source.notes = [*source.notes, f"labels are not used: {error}"]
        if config.distill.alpha < 1 and source.labels is None:
            raise InputError(
                f"distill.alpha={config.distill.alpha:g} needs labels, and "
                f"{source.name} has none: give --labels, or alpha 1."
            )
        return source, class_names

    def build(self, num_classes):
        """The student; and the teachers, unless their answers are cached."""
        self.scalars = ("loss", "agreement")
        self.teachers = []
        if not self.config.distill.cache:
            if not self.config.distill.teachers:
                raise InputError(
                    "There is no teacher: say --set distill.teachers=RUN; or, "
                    "to compile a step without one, --set distill.cache=True."
                )
            paths = self.config.distill.teachers
            order = classes.of_all(paths)
            self.teachers = [
                weights.load_classifier(path, order=order) for path in paths
            ]
        planes = self.config.model.extra_planes
        for teacher in self.teachers:
            if teacher.config.model.extra_planes != planes:
                raise InputError(
                    f"A teacher takes {teacher.config.model.extra_planes} "
                    f"planes beside the colours, the student {planes} "
                    "(model.extra_planes)."
                )
        self.classifier = classifier.build(self.config, num_classes)
        self.linear = self.classifier.models["classifier"]
        return self.classifier.models

    @property
    def target_dims(self):
        """k, where the teachers' cached probabilities come with a batch."""
        return self.num_classes if self.config.distill.cache else 0

    def targets(self, reader, strategy, workers, workdir, step, stopper):
        """The teachers' cached probabilities, if they are; see Task.targets."""
        if not self.config.distill.cache:
            return None
        return probabilities.cached_probabilities(
            self.config, reader, strategy, workers, workdir, stopper
        )

    def losses(self, views, batch):
        """Cross entropy with the teachers' probabilities, and the labels."""
        distill = self.config.distill
        [view] = views
        target = batch.get("target")
        if target is None:
            target = self._ask(view)
        loss, agreement = distillation(
            logits=self.classifier.logits(view, training=True),
            teacher_probabilities=target,
            label=batch["label"],
            temperature=distill.temperature,
            alpha=distill.alpha,
        )
        return loss, {"loss": loss, "agreement": agreement}

    def _ask(self, view):
        """The teachers' probabilities, each at the size it was trained for."""
        size = self.config.data.image_size
        answers = []
        for teacher in self.teachers:
            seen = view
            if teacher.config.data.image_size != size:
                side = [teacher.config.data.image_size] * 2
                seen = tf.cast(
                    tf.image.resize(view, side, method="bicubic"),
                    dtypes.compute_dtype(self.config.train.precision),
                )
            answers.append(
                classifier.probabilities(
                    [teacher.model], seen, self.config.distill.temperature
                )
            )
        return tf.add_n(answers) / len(answers)
