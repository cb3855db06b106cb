import concurrent.futures
import errno

import numpy as np
import pytest

from simclr.data.images.decode import decode
from simclr.data.images.reader import Reader
from tests.images import ListSource, encoded

BAD = b"no image"


def test_readable_images_come_as_they_are():
    reader = Reader(ListSource([encoded(i) for i in range(3)]))
    for index in (2, 0, np.int64(1)):
        image, replaced = reader.load(index)
        np.testing.assert_array_equal(image, decode(encoded(index)))
        assert not replaced
    assert reader.bad == {}
    assert not reader.bad


def test_unreadable_images_become_the_next_readable_one():
    items = [encoded(0), BAD, OSError(5, "Input/output error"), encoded(3), b""]
    reader = Reader(ListSource(items, labels=[0, 1, 2, 3, 4]))
    for index, loaded in ((0, 0), (1, 3), (2, 3), (3, 3), (4, 0)):
        image, label, found = reader.load_labelled(index)
        np.testing.assert_array_equal(image, decode(encoded(loaded)))
        assert label == loaded  # The label goes with the pixels.
        assert found == loaded
        assert (label.dtype, found.dtype) == (np.int32, np.int64)
    assert reader.bad == {
        "item/1": "no image: it starts with b'no image'",
        "item/2": "Input/output error",
        "item/4": "empty file",
    }
    assert len(reader.bad) == 3


def test_without_labels_the_label_is_minus_one():
    reader = Reader(ListSource([encoded(0)]))
    assert reader.load_labelled(0)[1] == -1


def test_a_bad_image_is_read_once():
    reads = []

    class Counting(ListSource):
        def read(self, index):
            reads.append(index)
            return super().read(index)

    reader = Reader(Counting([BAD, encoded(1)]))
    for _ in range(3):
        assert reader.load(0)[1]
    assert reads.count(0) == 1


def test_threads_agree():
    items = [BAD if i % 3 else encoded(i) for i in range(60)]
    reader = Reader(ListSource(items))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(reader.load, range(60)))
    for index, (image, replaced) in enumerate(loaded):
        expected = -(-index // 3) * 3 % 60
        np.testing.assert_array_equal(image, decode(encoded(expected)))
        assert replaced == bool(index % 3)
    assert len(reader.bad) == 40


@pytest.mark.parametrize(("num", "tries"), [(3, 3), (150, 100)])
def test_a_hundred_in_a_row_stop_the_run(num, tries):
    items = [BAD] * num
    if num > 100:
        items[120] = encoded(0)
    reader = Reader(ListSource(items))
    for _ in range(2):
        with pytest.raises(
            ValueError, match=f"^{tries} images in a row .*no im"
        ):
            reader.load(1)
    if num > 100:
        assert reader.load(21)[1]  # 99 bad ones, then a good one.


def test_a_hiccup_of_the_disk_is_no_bad_image(monkeypatch):
    monkeypatch.setattr("simclr.data.images.reader._RETRIES_S", (0.0, 0.0))
    source = ListSource([encoded(0), encoded(1)])
    hiccup = OSError(errno.EIO, "timed out")
    errors = iter([hiccup, hiccup])
    read = source.read

    def read_at_last(index):
        for error in errors:
            raise error
        return read(index)

    source.read = read_at_last
    reader = Reader(source)
    assert not reader.load(0)[1] and not reader.bad
    errors = iter([hiccup] * 3)
    assert reader.load(1) and list(reader.bad) == ["item/1"]


@pytest.mark.parametrize(("name", "reads"), [("a.zip", 1), ("gs://a.zip", 3)])
def test_what_is_damaged_is_asked_for_again_only_over_a_network(
    name, reads, monkeypatch
):
    monkeypatch.setattr("simclr.data.images.reader._RETRIES_S", (0.0, 0.0))
    source, asked = ListSource([encoded(0), encoded(1)]), []
    source.name, read = name, source.read

    def damaged(index):
        asked.append(index)
        if index == 0:
            raise OSError("damaged in the ZIP file")
        return read(index)

    source.read = damaged
    assert Reader(source).load(0)[1]
    assert asked == [0] * reads + [1]
