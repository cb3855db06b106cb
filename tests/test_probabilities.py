"""Teachers' answers, kept, are told from those of other weights."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Distill
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.messages.errors import Stopped
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

    (tmp_path / "run").mkdir()
    reader = Reader(open_source(str(photos)))
    strategy = tf.distribute.get_strategy()
    workers = Workers(strategy)

    def cached(*teachers):
        settings = dataclasses.replace(distill, teachers=teachers)
        config = tiny.config(photos, task="distill", distill=settings)
        return probabilities.cached_probabilities(
            *(config, reader, strategy, workers, str(tmp_path / "run")),
            Stopper(workers),
        )

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


@pytest.mark.parametrize("count", [1, 2])
def test_a_look_that_was_stopped_goes_on_with_its_parts(
    tmp_path, monkeypatch, count
):
    """To the same bits, and no image of a whole part is looked at again."""
    photos = tiny.write_photos(tmp_path / "photos", 40, ("cat", "dog"))
    teachers = tuple(
        tiny_classifier.write(tmp_path / str(i), photos, ("cat", "dog"))
        for i in range(count)
    )
    config = tiny.config(
        photos, task="distill", distill=Distill(teachers=teachers)
    )
    strategy = tf.distribute.get_strategy()
    workers = Workers(strategy)
    monkeypatch.setattr(probabilities, "_SHARD", 16)
    looked = []

    class Seen(Reader):
        def load(self, row):
            looked.append(row)
            return super().load(row)

    def look(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        reader = Seen(open_source(str(photos)))
        return probabilities.cached_probabilities(
            config, reader, strategy, workers, str(folder), stopper
        )

    stopper = Stopper(workers)
    whole = np.array(look("whole"))
    assert len(looked) == 40 * count
    stopper.asked = lambda: "SIGTERM" if len(looked) > 40 * count - 8 else ""
    looked.clear()
    with pytest.raises(Stopped, match="SIGTERM"):
        look("parts")
    stopper = Stopper(workers)
    looked.clear()
    np.testing.assert_array_equal(look("parts"), whole)
    assert sorted(looked) == list(range(32, 40))
    assert sorted(os.listdir(tmp_path / "parts")) == [
        "teacher_probabilities.json",
        "teacher_probabilities.npy",
    ]
