"""Which images an evaluation fits on, scores and looks at."""

import numpy as np
import pytest

from simclr.data.images.reader import Reader
from simclr.evaluation.accuracy import UNKNOWN_CLASS, top_k_accuracy
from simclr.evaluation.split import few, held_out, split
from simclr.inference import features
from simclr.inference.parts import embed_part
from tests.images import ListSource, encoded

NAMES = ["cat", "dog"]


def reader(labels, names=NAMES):
    source = ListSource([b""] * len(labels), labels, names)
    if labels is not None and max(labels) < 0:
        source.labels = None
    return Reader(source)


def test_a_tenth_of_each_class_is_held_out():
    parts = split(reader([0] * 50 + [1] * 30))
    assert np.bincount(parts.score.labels).tolist() == [5, 3]
    assert np.bincount(parts.fit.labels).tolist() == [45, 27]
    assert not set(parts.fit.rows) & set(parts.score.rows)


def test_few_labels_do_not_decide_what_is_looked_at():
    """Many images and few labels: health is that of all images."""
    parts = split(reader([0, 1] * 10 + [-1] * 300))
    assert len(parts.fit) + len(parts.score) == 20
    assert len(parts.look) == 320
    assert np.sum(parts.look.labels >= 0) == 20


def test_many_scored_images_stand_for_all():
    held = reader([0, 1] * 600)
    parts = split(reader([0, 1] * 20), held, look_limit=700)
    assert len(parts.score) == 1200
    assert parts.look.reader is held and len(parts.look) == 700
    assert set(parts.look.rows) <= set(parts.score.rows)


@pytest.mark.parametrize("labels", [[0, 1] * 4 + [-1] * 9, [0] * 50 + [-1]])
def test_labels_of_no_use_are_no_labels(labels):
    parts = split(reader(labels))
    assert parts.fit is parts.score is None
    assert "too few for kNN" in parts.note
    assert len(parts.look) == len(labels)


def test_without_labels():
    parts = split(reader([-1] * 30), look_limit=12, seed=3)
    assert parts.fit is parts.score is None and parts.note == ""
    assert len(parts.look) == 12
    again = split(reader([-1] * 30), look_limit=12, seed=3)
    np.testing.assert_array_equal(parts.look.rows, again.look.rows)


def test_labels_of_the_held_out_images_alone_are_split():
    parts = split(reader([-1] * 30), reader([0, 1] * 20))
    assert len(parts.fit) == 36 and len(parts.score) == 4
    assert parts.fit.reader is parts.score.reader
    assert parts.note.startswith("a list has no labels, so those of")


@pytest.mark.parametrize("ours", [[0, 1] * 20, [0, 1] * 2, [-1] * 30])
def test_images_without_labels_are_not_scored_and_nothing_instead(ours):
    parts = split(reader(ours), reader([-1] * 50))
    assert parts.fit is parts.score is None
    assert "none of its 50 images has a label" in parts.note


@pytest.mark.parametrize("count", [1, 3, 9])
def test_few_images_are_scored_alone_and_counted(count):
    held = reader([1, 0, -1, -1] * count)
    parts = split(reader([0, 1] * 60), held)
    assert parts.fit.reader is not held and parts.score.reader is held
    assert (len(parts.fit), len(parts.score)) == (120, 2 * count)
    assert parts.note == ""
    said = f"the score is of {2 * count} images only"
    assert few(parts.score) == said


def test_few_labels_alone_are_fitted_on():
    ours, held = reader([0, 1] + [-1] * 50), reader([0, 1] * 100)
    parts = split(ours, held)
    assert parts.fit.reader is ours and parts.fit.labels.tolist() == [0, 1]
    assert parts.score.reader is held and len(parts.score) == 200
    assert parts.note == few(parts.score) == few(None) == ""


def test_labels_of_one_class_leave_nothing_to_tell_apart():
    parts = split(reader([1] * 30), reader([0, 1] * 100))
    assert parts.fit is parts.score is None
    assert "all 30 labelled images are dog" in parts.note


def test_classes_are_matched_by_name():
    held = reader([0, 1, 1] * 40, ["dog", "cat"])
    parts = split(reader([0, 1] * 9), held)
    assert parts.score.labels.tolist() == [1, 0, 0] * 40
    assert held.source.labels.tolist() == [0, 1, 1] * 40
    by_value = ["0", "1", "2", "10"]
    by_text = ["0", "1", "10", "2"]
    parts = split(reader([0, 1, 2, 3] * 9, by_value), reader([2, 3], by_text))
    assert parts.score.labels.tolist() == [3, 2]


def test_the_images_to_score_may_lack_a_class():
    parts = split(reader([0, 1] * 9), reader([0] * 100, ["dog"]))
    assert parts.score.labels.tolist() == [1] * 100 and parts.note == ""


@pytest.mark.parametrize("ours", [["0", "1", "10"], ["0", "1", "2"]])
def test_a_class_that_training_lacks_is_named_and_a_miss(ours):
    """`2`: not among the first names, and without an image among the second."""
    held = reader([0, 1, 2] * 40, ["0", "1", "2"])
    parts = split(reader([0, 1] * 9, ours), held)
    assert parts.score.labels.tolist() == [0, 1, UNKNOWN_CLASS] * 40
    assert parts.note == (
        "40 images of a list are of classes that a list lacks, 1 (2), and a "
        "miss each"
    )
    sure = np.eye(3)[[0, 1, 2] * 40]
    assert top_k_accuracy(sure, parts.score.labels) == 2 / 3
    assert top_k_accuracy(np.ones([120, 3]), parts.score.labels, 2) == (
        pytest.approx(4 / 9)
    )
    assert top_k_accuracy(sure[:1], np.array([UNKNOWN_CLASS])) == 0


def test_no_class_in_common_is_refused():
    with pytest.raises(ValueError, match=r"a list has 2 \(cat, dog\)"):
        split(reader([0, 1] * 9), reader([0, 1] * 9, ["eel", "ant"]))


def test_limit_holds_for_both():
    parts = split(reader([0, 1] * 90), reader([0, 1] * 90), limit=25)
    assert len(parts.fit) == len(parts.score) == 25


def test_the_only_image_of_a_class_is_not_held_out():
    mask = held_out(np.array([0, 1, 1, 2, 2, 2]), np.random.default_rng(0))
    assert mask.tolist().count(True) == 2 and not mask[0]


def test_an_unreadable_image_is_not_scored_as_its_neighbour():
    items = [encoded(i) for i in range(30)]
    items[4] = items[17] = b""
    data = Reader(ListSource(items, labels=[0, 1] * 15, class_names=NAMES))
    parts = split(data)
    part, h = embed_part(
        features.raw_pixels, parts.look, image_size=8, progress=False
    )
    kept = [i for i in range(30) if i not in (4, 17)]
    assert part.rows.tolist() == kept and len(h) == 28
    assert part.labels.tolist() == [i % 2 for i in kept]
    nothing = Reader(ListSource([b""] * 20 + [encoded(0)], labels=[-1] * 21))
    only_bad = split(nothing).look.take(np.arange(21) < 20)
    with pytest.raises(ValueError, match="None of the 20 images can be read"):
        embed_part(features.raw_pixels, only_bad, image_size=8, progress=False)
