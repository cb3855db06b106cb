"""Teachers' answers, kept, are told from those of other weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Distill
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.runs import checkpoint, classes, weights
from simclr.runs import folder as run_folder
from simclr.runs.stopping import Stopper
from simclr.training.tasks import Distill as DistillTask
from simclr.training.teachers import probabilities
from tests import tiny, tiny_classifier
from tests.images import ListSource, encoded


class NoImages(list):
    def fingerprint(self):
        return ""


def test_a_teacher_trained_again_to_the_same_step_is_another(tmp_path):
    folder = run_folder.checkpoints(str(tmp_path))
    distill = Distill(teachers=(str(tmp_path),))

    def key(value):
        checkpoint.save(folder, 5, {"w": np.full(2, value)})
        return probabilities._key(distill, NoImages())

    assert key(0.0) == key(0.0) != key(1.0)


def test_images_of_the_same_names_may_be_others():
    def key(number):
        source = ListSource([encoded(0), encoded(number)])
        return probabilities._key(Distill(), source)

    assert key(1) == key(1) != key(2)


def test_teachers_agree_on_classes_by_name(tmp_path):
    """The same classes in another order, cached and not."""
    names = ("cat", "dog", "eel")
    photos = tiny.write_photos(tmp_path / "photos", 9, names)
    one = tiny_classifier.write(tmp_path / "one", photos, names)
    other = tiny_classifier.write(
        tmp_path / "other", photos, ("dog", "eel", "cat")
    )
    distill = Distill(teachers=(one, other))
    assert classes.of_all(distill.teachers) == list(names)

    reader = Reader(open_source(str(photos)))
    strategy = tf.distribute.get_strategy()
    workers = Workers(strategy)

    def cached(*teachers):
        p = np.zeros([9, 3], np.float32)
        settings = dataclasses.replace(distill, teachers=teachers)
        probabilities.write_probabilities(
            p, settings, reader, strategy, workers, Stopper(workers)
        )
        return p

    # The two have the same weights, so what they call a class differs.
    alone = cached(one)
    both = (alone + alone[:, [2, 0, 1]]) / 2
    np.testing.assert_allclose(cached(one, other), both, rtol=1e-4)

    config = tiny.config(photos, task="distill", distill=distill)
    task = DistillTask(config, num_examples=9, num_classes=3)
    views = np.random.default_rng(0).random([4, 16, 16, 3], np.float32)
    alone = tf.nn.softmax(weights.load_classifier(one).model(views)).numpy()
    both = (alone + alone[:, [2, 0, 1]]) / 2
    np.testing.assert_allclose(task._ask(views), both, rtol=1e-4)


def test_teachers_of_other_classes_are_refused(tmp_path):
    one = tiny_classifier.write(tmp_path / "one", "photos", ("cat", "dog"))
    other = tiny_classifier.write(tmp_path / "other", "photos", ("cat", "eel"))
    with pytest.raises(ValueError, match=r"differ: .*cat, dog.*cat, eel"):
        classes.of_all([one, other])
