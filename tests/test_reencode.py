"""Images stored smaller: their pixels, what stays, what crops lose."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from simclr.commands.tools.prepare import prepare as command
from simclr.data.images import reencode as reencoding
from simclr.data.images.decode import decode
from simclr.data.images.pillow import header
from simclr.data.images.reencode import reencode, stored_shape
from simclr.data.shards.crop_loss import CropLoss, crop_loss
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from tests.images import ListSource, as_file, write

FORMATS = ["arrayrecord", "tfrecord"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def photo(height, width):
    """Smooth pixels, as photos have: what JPEG keeps."""
    y, x = np.mgrid[:height, :width] / 20
    waves = [np.sin(x + y), np.cos(x), np.sin(y / 2)]
    return (127.5 * (1 + np.stack(waves, axis=-1))).astype(np.uint8)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def with_alpha(height, width):
    pixels = np.dstack([photo(height, width), np.zeros([height, width])])
    return pixels.astype(np.uint8)


def cmyk(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(file, "JPEG", quality=95)
    return file.getvalue()


# Every way that an image is not simply RGB: turned, transparent, grey, inks.
ODD = {
    "jpeg": as_file(photo(90, 120), "JPEG", quality=95),
    "turned": as_file(photo(90, 120), "JPEG", quality=95, exif=exif(6)),
    "grey": as_file(photo(90, 120)[..., 0], "JPEG", quality=95),
    "png": as_file(photo(90, 120)),
    "transparent": as_file(with_alpha(90, 120)),
    "cmyk": cmyk(photo(90, 120)),
    "webp": as_file(photo(120, 90), "WEBP", lossless=True),
    "large": as_file(photo(2100, 2200), "JPEG", quality=95),
}


@pytest.mark.parametrize("name", ODD)
def test_the_pixels_are_those_of_decode_resize_and_jpeg(name):
    pixels = decode(ODD[name])
    data = reencode(ODD[name], pixels, side=60, quality=90)
    height, width = pixels.shape[:2]
    short = min(height, width)
    shape = round(height * 60 / short), round(width * 60 / short)
    assert min(shape) == 60
    small = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)
    # By another encoder: Pillow's, at its own quality 90, which halves colours.
    file = as_file(small, "JPEG", quality=90)
    np.testing.assert_array_equal(decode(data), decode(file))
    head = header(data)
    assert (head.format, head.height, head.width) == ("JPEG", *shape)


@pytest.mark.parametrize("name", ODD)
def test_small_images_keep_their_size_and_upright_jpegs_their_bytes(name):
    pixels = decode(ODD[name])
    data = reencode(ODD[name], pixels, side=1024, quality=90)
    assert decode(data).shape[:2] == stored_shape(*pixels.shape[:2], 1024)
    if name in ("jpeg", "grey"):
        assert data is ODD[name]
    elif name != "large":
        file = as_file(np.ascontiguousarray(pixels), "JPEG", quality=90)
        np.testing.assert_array_equal(decode(data), decode(file))


def test_quality_counts():
    sizes = [
        len(reencode(ODD["png"], photo(90, 120), side=60, quality=quality))
        for quality in (50, 90, 100)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("file_format", FORMATS)
def test_shards_hold_the_smaller_images(tmp_path, file_format):
    source = ListSource(list(ODD.values()), labels=range(len(ODD)))

    def made():
        return prepare(
            source,
            str(tmp_path / "out"),
            file_format=file_format,
            shard_bytes=4000,
            side=60,
            quality=80,
            image_size=48,
            progress=False,
        )

    prepared = made()
    assert prepared.num_shards > 1
    assert prepared.source_bytes == sum(map(len, ODD.values()))
    assert prepared.image_bytes < prepared.num_bytes
    packed = open_source(str(tmp_path / "out"))
    assert packed.labels.tolist() == list(range(len(ODD)))
    for index, data in enumerate(ODD.values()):
        expected = reencode(data, decode(data), side=60, quality=80)
        assert packed.read(index) == expected
    sizes = [len(packed.read(index)) for index in range(len(ODD))]
    assert prepared.image_bytes == sum(sizes)
    assert prepared.crop_loss.crops == 4 * len(ODD)
    # A run again only reads what it wrote.
    assert made() == prepared


def test_another_side_goes_into_another_folder(tmp_path):
    source = ListSource([ODD["png"]])
    out = str(tmp_path / "out")
    prepare(source, out, side=60, progress=False)
    for changed, what in (
        ({"side": 50}, "side"),
        ({"side": 0}, "side"),
        ({"side": 60, "quality": 80}, "quality"),
        ({"side": 60, "image_size": 32}, "image size"),
    ):
        with pytest.raises(ValueError, match=f"begun with another {what} "):
            prepare(source, out, progress=False, **changed)


def test_what_crops_lose_by_arithmetic():
    """Crops of 8 % or more of the area: none of 4000 x 4000 is enlarged."""
    loss = crop_loss([(4000, 4000)], [0], side=400, image_size=224)
    assert (loss.enlarged_before, loss.times_before) == (0, 0.0)
    # At a tenth of the side, a crop is enlarged below 2240 x 2240, and then so
    # many times; with the same crops at the side of views nearly all are.
    shapes, index = [(4000, 4000)] * 500, np.arange(500)
    loss = crop_loss(shapes, index, side=400, image_size=224)
    assert loss.crops == 2000
    share = (2240 / 4000) ** 2  # Of the area: .31; the median crop has .36.
    assert 0.3 < share < 0.36
    assert 0.35 < loss.enlarged / loss.crops < 0.5
    all_ = crop_loss(shapes, index, side=224, image_size=224)
    assert all_.enlarged > 0.95 * all_.crops
    # Half the side: every crop is enlarged twice as much as in that.
    half = crop_loss(shapes, index, side=112, image_size=224)
    assert half.enlarged >= all_.enlarged
    tiny = crop_loss(shapes, index, side=56, image_size=224)
    assert (tiny.enlarged, half.enlarged) == (2000, 2000)
    np.testing.assert_allclose(tiny.times, 2 * half.times)


def test_images_that_are_small_already_lose_nothing():
    loss = crop_loss([(90, 120)] * 50, range(50), side=320, image_size=64)
    assert loss.enlarged == loss.enlarged_before > 0
    assert loss.times == loss.times_before


def test_what_crops_lose_in_words():
    loss = CropLoss(200, 50, 0, 75.0, 0.0) + CropLoss(200, 50, 4, 75.0, 5.0)
    assert loss.in_words(96) == (
        "of 8% to 100% of an image, to 96 pixels: 25% are enlarged, 1.50 times "
        "(before: 1% are enlarged, 1.25 times)"
    )
    assert (
        CropLoss(9, 0, 0)
        .in_words(96)
        .endswith("0% are enlarged (before: 0% are enlarged)")
    )


def test_the_command_says_bytes_and_what_crops_lose(tmp_path, capsys):
    for number in range(3):
        write(tmp_path / "photos" / f"{number}.png", number, size=(800, 600))
    command(
        str(tmp_path / "photos"),
        str(tmp_path / "out"),
        side=30,
        quality=70,
        image_size=24,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  bytes  4.3 MB before, 0.0 now: 0%")
    assert lines[2].startswith("  crops  of 8% to 100% of an image, to 24 pix")
    assert len(lines) == 3


@pytest.mark.parametrize(
    "values, line",
    [
        ({"side": -1}, "side is -1; it must be >= 0."),
        ({"side": 1025}, "side is 1025; it must be <= 1024."),
        ({"side": 7}, "side is 7; it must be from 8 to 1,024."),
        ({"quality": 0}, "quality is 0; it must be >= 1."),
        ({"quality": 101}, "quality is 101; it must be <= 100."),
        ({"side": 60, "image_size": 0}, "image_size is 0; it must be >= 1."),
    ],
)
def test_bad_values_are_one_line_before_work(tmp_path, values, line):
    (tmp_path / "photos").mkdir()
    write(tmp_path / "photos" / "a.png")
    with pytest.raises(ValueError) as caught:
        command(str(tmp_path / "photos"), str(tmp_path / "out"), **values)
    assert str(caught.value) == line
    assert not (tmp_path / "out").exists()


def test_the_bounds_of_the_command_are_those_of_the_function(tmp_path):
    """The command line knows them without OpenCV."""
    assert reencoding.SIDES[1] == 1024
    assert reencoding.QUALITIES == (1, 100)
    with pytest.raises(ValueError, match="quality is 0; it must be from 1 to"):
        prepare(
            ListSource([b""]), str(tmp_path), side=60, quality=0, progress=False
        )
