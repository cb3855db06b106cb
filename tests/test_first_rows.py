"""A known JPEG is decoded down to the lowest row that its views take."""

import io

import numpy as np
import pytest
from PIL import Image

from simclr.data.images import jpeg
from simclr.data.images.decode import open_image
from simclr.data.images.reader import Reader
from simclr.data.views import host
from simclr.data.views.rooms import Rooms
from tests.images import ListSource

HEIGHT, WIDTH = 83, 61
NOISE = np.random.default_rng(0).integers(
    0, 256, [HEIGHT, WIDTH, 3], dtype=np.uint8
)


def encoded(mode="RGB", **options):
    """A JPEG whose neighbouring rows and columns have nothing in common."""
    file = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(exif=exif)


@pytest.fixture
def heights(monkeypatch):
    """The rows of everything that libjpeg decoded, as told to it."""
    seen = []
    decode_jpeg = jpeg.simplejpeg.decode_jpeg

    def decode(data, **options):
        seen.append(jpeg.scan(data).height)
        return decode_jpeg(data, **options)

    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", decode)
    return seen


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"subsampling": "4:2:0"},
        {"subsampling": "4:2:0", "restart_marker_rows": 1},
        {"mode": "L"},
    ],
)
def test_its_rows_are_those_of_the_whole_image(options, divisor):
    image = open_image(encoded(**options))
    whole = image.pixels(divisor)
    for rows in range(1, HEIGHT + 1):
        part = image.pixels(divisor, rows=rows)
        # A box may be rounded to one row more of the smaller size.
        known = min(-(-rows // divisor) + 1, len(whole))
        assert part.shape == whole.shape
        np.testing.assert_array_equal(part[:known], whole[:known])


def test_less_is_decoded(heights):
    image = open_image(encoded())
    room = np.zeros([3 * HEIGHT * WIDTH], np.uint8)
    assert np.shares_memory(image.pixels(1, room, 20), room)
    assert heights == [20 + 2]
    assert not image.is_sound  # Nobody looked below.
    image.pixels()
    assert image.is_sound


@pytest.mark.parametrize(
    "data", [encoded(progressive=True), turned(3), turned(6)]
)
def test_what_has_no_rows_in_turn_is_decoded_whole(data, heights):
    image = open_image(data)
    whole = image.pixels()
    np.testing.assert_array_equal(image.pixels(rows=20), whole)
    assert heights == [HEIGHT, HEIGHT]


def views(reader, count=1, *, area=(0.08, 0.2), size=16):
    """What a batch sees of images 0 and 1, `count` times one after another."""
    seeds = np.arange(8, dtype=np.int32).reshape(2, 2, 2)
    return [
        host.load_views(
            reader,
            np.arange(2),
            seeds,
            np.ones([2, 2], np.float32),
            size=size,
            areas=[area] * 2,
            flip_probs=[0.5] * 2,
            rooms=Rooms(),
        )
        for _ in range(count)
    ]


def test_the_second_time_less_is_decoded_to_the_same_views(heights):
    reader = Reader(ListSource([encoded(), encoded("L")]), cache_bytes=0)
    first, second = views(reader, 2)
    assert heights[:2] == [HEIGHT] * 2
    assert max(heights[2:]) < HEIGHT
    np.testing.assert_array_equal(first[0], second[0])


def test_a_truncated_image_is_refused_whatever_rows_matter():
    """Else a resumed run would take it where the one before replaced it."""
    cut_short = encoded()[:-300]
    reader = Reader(ListSource([cut_short, encoded()]), cache_bytes=0)
    # Large boxes, small views: what replaces it is decoded at half its size.
    first, second = views(reader, 2, area=(0.8, 1.0), size=8)
    assert first[1].tolist() == second[1].tolist() == [1, 1]
    np.testing.assert_array_equal(first[0], second[0])
    assert list(reader.bad) == ["item/0"]


def test_an_image_that_is_cut_short_later_is_refused():
    items = [encoded(), encoded("L")]
    reader = Reader(ListSource(items), cache_bytes=0)
    assert views(reader)[0][1].tolist() == [0, 1]
    items[0] = items[0][:-300]
    assert views(reader)[0][1].tolist() == [1, 1]


def test_what_is_kept_changes_no_view():
    """A resumed run has kept nothing yet."""
    source = ListSource([encoded(), encoded("L")])
    keeps = Reader(source)
    for index in range(2):
        keeps.load(index)
        assert keeps.in_memory(index)
    large = {"area": (0.8, 1.0), "size": 8}
    [(kept, _)] = views(keeps, **large)
    [(fresh, _)] = views(Reader(source), **large)
    np.testing.assert_array_equal(kept, fresh)


def test_a_file_that_is_mostly_no_picture_is_not_copied(heights):
    image = open_image(encoded() + bytes(3 * HEIGHT * WIDTH))
    image.pixels(rows=20)
    assert heights == [HEIGHT]
