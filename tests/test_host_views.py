"""The host's part of a batch: what is cut out of every kind of file."""

import io

import numpy as np
import pytest
from PIL import Image

from simclr.data.images import center_crop
from simclr.data.images.decode import decode
from simclr.data.images.reader import Reader
from simclr.data.views import host
from simclr.data.views.boxes import crop_boxes
from simclr.data.views.crop import cut
from simclr.data.views.rooms import Rooms
from tests.images import ListSource, as_file, encoded
from tests.test_crop import photo, psnr

SIZE, AREA = 16, (0.08, 1.0)
SETTINGS = {"areas": [AREA] * 2, "flip_probs": [0.5] * 2}


def draws(n, views=2):
    """Seeds and flips of a batch."""
    rng = np.random.default_rng(3)
    seeds = rng.integers(-(2**31), 2**31, [n, views, 2]).astype("int32")
    return seeds, rng.random([n, views], "float32")


def load(items, index=None, *, size=SIZE, **options):
    reader = Reader(ListSource(items), **options)
    index = np.arange(len(items)) if index is None else np.asarray(index)
    return host.load_views(
        reader, index, *draws(len(index)), size=size, rooms=Rooms(), **SETTINGS
    )


def expected(image, row, n, *, size=SIZE):
    """Both views of a decoded image in one row of a batch."""
    seeds, flips = draws(n)
    views = np.empty([2, size, size, 3], np.uint8)
    boxes = crop_boxes([image.shape[:2]] * 2, seeds[row], AREA).tolist()
    for view in range(2):
        cut(
            image,
            boxes[view],
            views[view],
            shape=image.shape[:2],
            mirrored=flips[row, view] < 0.5,
        )
    return views


def every_kind():
    """A file for every row of decode.py's table, bytes each."""
    soft = photo(0, fall=2.0)[:30, :40]
    turned = Image.Exif()
    turned[0x0112] = 6
    alpha = np.dstack([soft, np.full([30, 40], 60, np.uint8)])
    wide = soft[..., 0].astype(np.uint16) * 257
    frames = [Image.fromarray(soft), Image.fromarray(soft[::-1])]
    animated = {"save_all": True, "append_images": frames[1:]}

    def saved(image, kind, **options):
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    return {
        "JPEG": as_file(soft, "JPEG"),
        "progressive": as_file(soft, "JPEG", progressive=True),
        "PNG": as_file(soft, "PNG"),
        "BMP": as_file(soft, "BMP"),
        "WebP": as_file(soft, "WEBP"),
        "turned JPEG": as_file(soft, "JPEG", exif=turned),
        "turned PNG": as_file(soft, "PNG", exif=turned),
        "alpha": as_file(alpha, "PNG"),
        "grey": saved(frames[0].convert("L"), "JPEG"),
        "palette": saved(frames[0].convert("P"), "PNG"),
        "1 bit": saved(frames[0].convert("1"), "PNG"),
        "CMYK": saved(frames[0].convert("CMYK"), "JPEG"),
        "16 bits": saved(Image.fromarray(wide), "PNG"),
        "GIF": saved(frames[0], "GIF", **animated),
        "animated WebP": saved(frames[0], "WEBP", **animated),
        "MPO": saved(frames[0], "MPO", **animated),
    }


def test_every_kind_of_file_gives_views_of_what_decode_makes_of_it():
    items = list(every_kind().values())
    views, found = load(items)
    assert found.tolist() == list(range(len(items)))
    for row, data in enumerate(items):
        np.testing.assert_array_equal(
            [view[row] for view in views],
            expected(decode(data), row, len(items)),
        )


def test_large_images_are_reduced_before_boxes_are_drawn():
    """Their boxes are those of what decode gives, a half of the sides here."""
    soft = photo(0, fall=2.0)
    large = np.asarray(Image.fromarray(soft).resize((2400, 2100)))
    for kind, options in (
        ("PNG", {"compress_level": 1}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
    ):
        data = as_file(large, kind, **options)
        assert decode(data).shape == (1050, 1200, 3)
        views, _ = load([data], size=400)
        for view, whole in zip(views, expected(decode(data), 0, 1, size=400)):
            np.testing.assert_array_equal(view[0], whole)


def test_a_decode_is_reduced_where_every_crop_stays_twice_the_view():
    items = [as_file(photo(seed, fall=2.0), "JPEG") for seed in range(12)]
    views, _ = load(items, size=24)
    seeds, _ = draws(12)
    reduced = 0
    for row, data in enumerate(items):
        full = expected(decode(data), row, 12, size=24)
        boxes = crop_boxes([(400, 400)] * 2, seeds[row], AREA)
        for view, whole in zip(views, full):
            assert psnr(view[row], whole) > 28
        same = all((v[row] == w).all() for v, w in zip(views, full))
        assert same == (boxes[:, 2:].min() < 96)
        reduced += not same
    assert reduced >= 4


def test_the_cache_changes_no_pixel():
    items = [as_file(photo(seed, fall=2.0), "JPEG") for seed in range(6)]
    index = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]
    for size in (24, 100):
        kept, _ = load(items, index, size=size)
        again, _ = load(items, index, size=size, cache_bytes=0)
        np.testing.assert_array_equal(kept, again)


def test_parts_and_threads_change_no_pixel(monkeypatch):
    items = [encoded(i, size=(20 + i, 30)) for i in range(20)]
    whole, _ = load(items)
    for part, most in ((1, 1 << 20), (3, 1 << 20), (64, 4000)):
        monkeypatch.setattr(host, "PART", part)
        monkeypatch.setattr(host, "_PART_BYTES", most)
        parts, found = load(items)
        np.testing.assert_array_equal(parts, whole)
        assert found.tolist() == list(range(20))


def test_unreadable_images_become_the_next_readable_one():
    """Whether the header or only the pixels tell; with its own boxes."""
    good = [as_file(photo(i)[: 60 + i, :80], "JPEG") for i in range(3)]
    cut_off = good[1][: len(good[1]) // 2]
    items = [good[0], cut_off, b"no image", good[1], cut_off, good[2]]
    reader = Reader(ListSource(items))
    views, found = host.load_views(
        reader, np.arange(6), *draws(6), size=SIZE, rooms=Rooms(), **SETTINGS
    )
    assert found.tolist() == [0, 3, 3, 3, 5, 5]
    assert reader.bad == {
        "item/1": "truncated",
        "item/2": "no image: it starts with b'no image'",
        "item/4": "truncated",
    }
    for row, at in enumerate(found):
        np.testing.assert_array_equal(
            [view[row] for view in views], expected(decode(items[at]), row, 6)
        )


def test_nothing_readable_stops_the_run():
    with pytest.raises(ValueError, match="2 images in a row cannot be read"):
        load([b"", encoded(0, file_format="JPEG")[:200]])


def test_views_may_differ_in_area_and_flips():
    """The second as evaluation sees it, mirrored; the first as it was."""
    items = [as_file(photo(seed)[:50, :70], "JPEG") for seed in range(5)]
    reader = Reader(ListSource(items))
    (first, second), _ = host.load_views(
        reader,
        np.arange(5),
        *draws(5),
        size=SIZE,
        areas=[AREA, None],
        flip_probs=[0.5, 1.0],
        rooms=Rooms(),
    )
    (same, _), _ = load(items)
    np.testing.assert_array_equal(first, same)
    for row, data in enumerate(items):
        image = decode(data)
        box = center_crop.seen(*image.shape[:2], SIZE)
        whole = np.empty([SIZE, SIZE, 3], np.uint8)
        cut(image, box, whole, shape=image.shape[:2], mirrored=True)
        np.testing.assert_array_equal(second[row], whole)
