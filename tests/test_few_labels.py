"""Few labels: chosen evenly, saved, read back with the same numbers."""

import numpy as np
import pytest

from simclr.data.labels.few import few_labels, to_csv
from simclr.data.labels.numbers import align
from simclr.data.labels.read import read_labels
from simclr.data.sources.subset import Subset
from tests.images import ListSource, encoded


def source(labels, names=("cat", "dog", "eel")):
    images = ListSource([encoded(0, size=(8, 8))] * len(labels))
    images.labels = np.array(labels, np.int32)
    images.class_names = list(names)
    return images


UNEVEN = source([0] * 100 + [1] * 100 + [2] * 40 + [-1] * 60)


@pytest.mark.parametrize(
    "fraction, each",
    [(0.1, [8, 8, 8]), (0.001, [1, 1, 1]), (1.0, [80, 80, 40])],
)
def test_takes_as_many_of_each_class(fraction, each):
    rows = few_labels(UNEVEN, fraction)
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(np.bincount(UNEVEN.labels[rows]), each)


def test_the_seed_chooses():
    first, again, other = (few_labels(UNEVEN, 0.1, s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_more_labels_hold_the_fewer():
    """One seed's 10 % begin with its 1 %."""
    assert set(few_labels(UNEVEN, 0.05)) < set(few_labels(UNEVEN, 0.2))


def test_a_file_gives_the_same_numbers_back(tmp_path):
    """Names sort otherwise than their numbers, and a class is not there."""
    images = source([2, 0, 0, 2, 1], names=("T-shirt/top", "Bag", "=Coat,"))
    rows = np.array([0, 1, 3])
    path = tmp_path / "labels.csv"
    path.write_text(to_csv(images, rows))
    labels, names = read_labels(str(path), images)
    assert names == images.class_names
    np.testing.assert_array_equal(labels, [2, 0, -1, 2, -1])


def test_labels_of_other_classes_have_their_own_numbers(tmp_path):
    images = source([0, 1, 2])
    path = tmp_path / "labels.csv"
    path.write_text(f"id,label\n{images.id(0)},zebra\n{images.id(1)},cat\n")
    labels, names = read_labels(str(path), images)
    assert names == ["cat", "zebra"]
    np.testing.assert_array_equal(labels, [1, 0, -1])


def test_align_renumbers_by_name():
    images = source([0, 2, -1, 2])
    align(images, ["eel", "ant", "cat"])
    np.testing.assert_array_equal(images.labels, [2, 0, -1, 0])
    assert images.class_names == ["eel", "ant", "cat"]


def test_align_refuses_classes_that_are_not_known():
    with pytest.raises(ValueError, match="such as 'dog'"):
        align(source([0, 1]), ["cat", "ant"])
    images = source([0, 0])  # It names a dog, but there is none.
    align(images, ["ant", "cat"])
    np.testing.assert_array_equal(images.labels, [1, 1])


def test_without_labels():
    images = source([0, 1])
    images.labels = None
    with pytest.raises(ValueError, match="give --labels"):
        few_labels(images, 0.1)
    align(images, ["whatever"])


def test_a_subset_is_a_source():
    images = source([0, 1, 2, -1])
    images.block_size, images.notes = 8, ["a note"]
    part = Subset(images, np.array([2, 0]))
    assert part.block_size == 4  # Half of the images that a request brings.
    assert part.notes == ["a note"]
    assert [part.id(0), part.id(1)] == [images.id(2), images.id(0)]
    assert part.read(1) == images.read(0)
    np.testing.assert_array_equal(part.labels, [2, 0])
    assert part.class_names == images.class_names
    assert part.fingerprint() != images.fingerprint()
    assert Subset(images, np.array([3])).labels is None
