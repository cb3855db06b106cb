"""Every odd image has one decision; see simclr/data/images/decode.py."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from simclr.data.images.decode import OrdinaryJpeg, decode, open_image
from simclr.data.images.pillow import decode_by_pillow, header
from simclr.messages.errors import InputError

WHITE = (255, 255, 255)
ALL = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF"]


def picture(height=24, width=40):
    """A smooth colour picture that no turn or flip leaves alone."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack(
        [255 * x // (width - 1), 255 * y // (height - 1), 128 + 0 * x], axis=-1
    ).astype(np.uint8)


def encode(image, file_format, **options):
    file = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(file, file_format, **options)
    return file.getvalue()


def chunk(kind, data):
    """A part of a PNG."""
    body = kind + data
    checksum = struct.pack(">I", zlib.crc32(body))
    return struct.pack(">I", len(data)) + body + checksum


def png(pixels, *, depth, colour, width, height):
    """A PNG of raw big-endian rows, for what Pillow does not write."""
    rows = np.asarray(pixels, ">u2" if depth == 16 else "u1")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def half_transparent():
    """The picture with alpha: 255 above, 0 below, and 128 in one pixel."""
    alpha = np.full([24, 40, 1], 255, np.uint8)
    alpha[12:] = 0
    alpha[0, 0] = 128
    return np.concatenate([picture(), alpha], axis=-1)


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "WEBP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(file_format):
    options = {"lossless": True} if file_format == "WEBP" else {}
    pixels = decode(encode(picture(), file_format, **options))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, picture())


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_jpeg_is_close(options):
    pixels = decode(encode(picture(), "JPEG", quality=95, **options))
    assert np.abs(pixels.astype(int) - picture()).max() < 24
    assert np.abs(pixels.astype(int) - picture()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(file_format, orientation):
    # EXIF 2.32, tag 0x0112: where the stored row 0 and column 0 belong.
    turns = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        8: lambda x: np.rot90(x, 1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encode(picture(), file_format, exif=exif))
    expected = turns[orientation](picture())
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 8


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"MM\0*\xff\xff\xff\xff", b"", b"nonsense"])
def test_damaged_exif_is_no_reason_to_refuse(exif):
    data = encode(picture(), "JPEG", exif=b"Exif\0\0" + exif)
    assert decode(data).shape == (24, 40, 3)


LONG = zlib.compress(b"a" * (3 << 20))
METADATA = {
    "EXIF of nothing": chunk(b"eXIf", b"nonsense"),
    "two orientations": chunk(
        b"eXIf",
        b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\2\0\6\0\6\0\0\0\0",
    ),
    "a text of 3 MB": chunk(b"zTXt", b"Comment\0\0" + LONG),
    "XMP of 3 MB": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
    "texts of 70 MB": b"".join(
        chunk(b"tEXt", b"%d\0" % i + b"a" * (1 << 20)) for i in range(70)
    ),
    "a profile of 3 MB": chunk(b"iCCP", b"icc\0\0" + LONG),
    "a wrong checksum": chunk(b"tEXt", b"a\0b")[:-1] + b"!",
    "resolution cut short": chunk(b"pHYs", b"ab"),
}


@pytest.mark.parametrize("where", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("odd", METADATA)
def test_metadata_of_a_png_never_decides(odd, where):
    whole = encode(picture(), "PNG")
    place = whole.index(where) - 4
    data = whole[:place] + METADATA[odd] + whole[place:]
    assert header(data).width == 40
    if odd != "two orientations":
        np.testing.assert_array_equal(decode(data), picture())
    assert decode(data).size == picture().size


@pytest.mark.parametrize("exif", [b"nonsense", b"Exif\0\0MM\0*\xff\xff"])
def test_metadata_of_a_webp_never_decides(exif):
    data = encode(picture(), "WEBP", lossless=True, exif=exif)
    np.testing.assert_array_equal(decode(data), picture())


def test_orientation_counts_beside_odd_texts():
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encode(picture(), "PNG", exif=exif)
    place = whole.index(b"IDAT") - 4
    data = whole[:place] + METADATA["a text of 3 MB"] + whole[place:]
    np.testing.assert_array_equal(decode(data), np.rot90(picture(), -1))


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_alpha_lies_over_white(file_format):
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    pixels = decode(encode(half_transparent(), file_format, **options))
    np.testing.assert_array_equal(pixels[1:12], picture()[1:12])
    assert (pixels[12:] == WHITE).all()
    blended = picture()[0, 0] * (128 / 255) + 255 * (127 / 255)
    np.testing.assert_allclose(pixels[0, 0], blended, atol=1)


def test_alpha_and_orientation_together():
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(encode(half_transparent(), "PNG", exif=exif))
    assert pixels.shape == (40, 24, 3)
    assert (pixels[:, :12] == WHITE).all()  # The lower half, turned right.


def test_transparent_palette_colour_is_white():
    image = Image.new("P", [16, 16], 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 16, 8))
    for file_format in ("PNG", "GIF"):
        pixels = decode(encode(image, file_format, transparency=0))
        assert (pixels[:8] == WHITE).all()
        assert (pixels[8:] == (0, 0, 255)).all()


def test_transparent_colour_of_rgb_is_white():
    pixels = np.full([8, 8, 3], [255, 0, 255], np.uint8)
    pixels[0, 0] = [1, 2, 3]
    data = encode(Image.fromarray(pixels), "PNG", transparency=(255, 0, 255))
    result = decode(data)
    assert (result[1:] == 255).all()
    assert result[0, 0].tolist() == [1, 2, 3]


def test_grey_with_alpha():
    grey = Image.fromarray(half_transparent()).convert("LA")
    pixels = decode(encode(grey, "PNG"))
    assert (pixels[12:] == WHITE).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()


@pytest.mark.parametrize("mode", ["L", "1", "P"])
@pytest.mark.parametrize("file_format", ["PNG", "BMP", "GIF"])
def test_grey_bilevel_and_palette(mode, file_format):
    image = Image.fromarray(picture()).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    pixels = decode(encode(image, file_format))
    np.testing.assert_array_equal(pixels, expected)


def test_grey_jpeg():
    pixels = decode(encode(Image.fromarray(picture()).convert("L"), "JPEG"))
    assert pixels.shape == (24, 40, 3)
    assert (pixels[..., 0] == pixels[..., 1]).all()


def test_cmyk_jpeg_keeps_its_colours():
    image = Image.fromarray(picture()).convert("CMYK")
    data = encode(image, "JPEG", quality=95)
    assert header(data).mode == "CMYK"
    pixels = decode(data)
    assert np.abs(pixels.astype(int) - picture()).mean() < 4


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_not_white(file_format):
    grey = np.linspace(0, 65535, 40).astype(np.uint16)[None].repeat(24, 0)
    pixels = decode(encode(grey, file_format))
    np.testing.assert_array_equal(pixels[..., 1], grey >> 8)


@pytest.mark.parametrize("ending", [".tif", ".ppm"])
def test_16_bit_colour_of_others(ending):
    wide = picture()[..., ::-1].astype(np.uint16) * 257
    done, data = cv2.imencode(ending, wide)
    assert done
    np.testing.assert_array_equal(decode(data.tobytes()), picture())


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_32_bits_a_pixel_are_refused(dtype):
    data = encode(picture()[..., 0].astype(dtype), "TIFF")
    with pytest.raises(InputError, match="32 bits a pixel"):
        decode(data)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg"])
def test_compressed_tiffs(compression):
    pixels = decode(encode(picture(), "TIFF", compression=compression))
    assert np.abs(pixels.astype(int) - picture()).mean() < 8


def test_several_pages_give_the_first():
    more = [Image.fromarray(255 - picture())]
    data = encode(picture(), "TIFF", save_all=True, append_images=more)
    np.testing.assert_array_equal(decode(data), picture())


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4)])
def test_16_bit_colour(colour, channels):
    wide = half_transparent()[..., :channels].astype(np.uint16) * 257
    data = png(wide, depth=16, colour=colour, width=40, height=24)
    pixels = decode(data)
    np.testing.assert_array_equal(pixels[1:12], picture()[1:12])
    below = (
        picture()[12:] if channels == 3 else np.broadcast_to(255, [12, 40, 3])
    )
    np.testing.assert_array_equal(pixels[12:], below)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(file_format):
    frames = [Image.new("RGB", [16, 16], c) for c in ("red", "green", "blue")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(
        frames[0],
        file_format,
        save_all=True,
        append_images=frames[1:],
        **options,
    )
    assert (decode(data) == (255, 0, 0)).all()


def test_two_lens_jpeg_gives_its_first_image():
    frames = [Image.new("RGB", [16, 16], c) for c in ("white", "black")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert (decode(data) == 255).all()


@pytest.mark.parametrize(
    ("side", "left"), [(2047, 2047), (2048, 1024), (4100, 1025), (7900, 1975)]
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_large_images_are_reduced(file_format, side, left):
    data = encode(Image.new("L", [side + 8, side], 128), file_format)
    pixels = decode(data)
    assert pixels.shape[0] == left
    assert (pixels == 128).all()


def test_large_jpegs_are_decoded_at_a_scale():
    # libjpeg's own 1/2, not a full decode that is reduced afterwards.
    noise = np.random.default_rng(0).integers(0, 256, [2048, 2100], np.uint8)
    data = encode(noise, "JPEG", quality=95)
    scaled = Image.open(io.BytesIO(data))
    scaled.draft(None, (1024, 1024))
    np.testing.assert_array_equal(decode(data)[..., 0], np.asarray(scaled))


def test_too_many_pixels_are_refused_before_they_are_decoded():
    # 3.6 thousand million pixels, in a file of 70 bytes.
    bomb = png([[0]], depth=8, colour=2, width=60000, height=60000)
    with pytest.raises(ValueError, match="too large: 60000 x 60000"):
        decode(bomb)
    # A JPEG's size is in its frame header: forge one.
    data = bytearray(encode(picture(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
    with pytest.raises(ValueError, match="too large"):
        decode(bytes(data))


def test_progressive_jpegs_are_refused_earlier():
    plain, progressive = (
        bytearray(encode(picture(), "JPEG", progressive=progressive))
        for progressive in (False, True)
    )
    for data, marker in ((plain, b"\xff\xc0"), (progressive, b"\xff\xc2")):
        frame = data.index(marker)
        data[frame + 5 : frame + 9] = struct.pack(">HH", 10000, 10000)
    with pytest.raises(ValueError, match="over 64 million"):
        decode(bytes(progressive))
    # Let in, at an eighth, where its bytes may hold them all; libjpeg fills the
    # pixels that it lacks with grey.
    with pytest.raises(ValueError, match="more than its bytes hold"):
        decode(bytes(plain))
    assert decode(bytes(plain) + bytes(200_000)).shape == (1250, 1250, 3)


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 7)])
def test_tiny_images_are_refused(size):
    with pytest.raises(ValueError, match="too small"):
        decode(encode(Image.new("RGB", size), "PNG"))


def test_eight_pixels_are_enough():
    assert decode(encode(Image.new("RGB", [8, 8]), "PNG")).shape == (8, 8, 3)


@pytest.mark.parametrize("file_format", ALL)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_truncated_files_are_refused(file_format, share):
    noise = np.random.default_rng(0).integers(0, 256, [64, 64, 3], np.uint8)
    data = encode(noise, file_format)
    with pytest.raises(ValueError, match=r"truncated|damaged"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"my holiday", "no image: it starts with b'my holid'"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC|damaged"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "damaged|truncated"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0" * 4096, "zeros"),
        (b"RIFF\0\0\0\0WAVE", "no image"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff", "damaged|truncated"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data, reason):
    with pytest.raises(ValueError, match=reason):
        decode(data)
    with pytest.raises(ValueError, match=reason):
        header(data)


def test_header_reads_the_stored_size():
    head = header(encode(picture(), "JPEG"))
    assert (head.format, head.mode) == ("JPEG", "RGB")
    assert (head.width, head.height) == (40, 24)


def test_png_with_a_wrong_length():
    # Pillow raises a SyntaxError here, where other damage is an OSError.
    data = bytearray(encode(picture(), "PNG"))
    pixels = data.index(b"IDAT")
    data[pixels - 4 : pixels] = struct.pack(">I", 10)
    with pytest.raises(ValueError, match="damaged: broken PNG file"):
        decode(bytes(data))


def test_damage_never_raises_anything_else():
    rng = np.random.default_rng(0)
    for file_format in ALL:
        whole = encode(picture(), file_format)
        for _ in range(60):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.integers(256)
            try:
                pixels = decode(bytes(data))
            except ValueError as error:
                assert "\n" not in str(error)
            else:
                assert pixels.shape[2] == 3


def ordinary(**options):
    """A JPEG of a noisy picture, whose every pixel tells."""
    noise = np.random.default_rng(1).normal(0, 20, [60, 90, 3])
    smooth = picture(60, 90)
    image = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    return encode(image, "JPEG", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 95, "subsampling": 0},
        {"subsampling": 1, "optimize": True},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"comment": b"by hand", "dpi": (300, 300)},
        {"keep_rgb": True},
    ],
)
def test_ordinary_jpegs_have_pillows_pixels(options):
    data = ordinary(**options)
    image = open_image(data)
    assert isinstance(image, OrdinaryJpeg)
    assert image.shape == (60, 90)
    np.testing.assert_array_equal(image.pixels(), decode_by_pillow(data))


@pytest.mark.parametrize("orientation", range(10))
def test_ordinary_jpegs_turn_as_pillow_turns_them(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = ordinary(exif=exif)
    image = open_image(data)
    expected = decode_by_pillow(data)
    assert image.shape == expected.shape[:2]
    np.testing.assert_array_equal(image.pixels(), expected)


def test_orientation_told_in_xmp_counts():
    told = b'<rdf:Description tiff:Orientation="6"/>'
    data = bytearray(ordinary())
    segment = b"http://ns.adobe.com/xap/1.0/\0" + told
    data[2:2] = b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment
    assert open_image(bytes(data)).shape == (90, 60)
    np.testing.assert_array_equal(
        decode(bytes(data)), decode_by_pillow(bytes(data))
    )


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_only_grey_and_three_colours_are_ordinary(mode):
    data = encode(Image.fromarray(picture()).convert(mode), "JPEG")
    assert isinstance(open_image(data), OrdinaryJpeg) == (mode == "L")
    np.testing.assert_array_equal(decode(data), decode_by_pillow(data))


def test_a_part_of_the_size_is_what_libjpeg_makes_of_it():
    data = ordinary()
    for divisor in (2, 4, 8):
        scaled = Image.open(io.BytesIO(data))
        scaled.draft(None, (90 // divisor, 60 // divisor))
        pixels = open_image(data).pixels(divisor)
        np.testing.assert_array_equal(pixels, np.asarray(scaled))


def test_room_is_used_where_it_is_large_enough():
    image = open_image(ordinary())
    large, small = np.zeros([60 * 90 * 3], "B"), np.zeros([60], "B")
    assert np.shares_memory(image.pixels(room=large), large)
    np.testing.assert_array_equal(image.pixels(room=small), image.pixels())


def outcome(function, data):
    try:
        return function(data).tolist()
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("progressive", [False, True])
def test_damage_is_judged_as_pillow_judges_it(progressive):
    rng = np.random.default_rng(0)
    whole = encode(picture(), "JPEG", progressive=progressive)
    for trial in range(100):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 1 + trial % 3):
            data[place] = rng.integers(256)
        if trial % 5 == 0:
            data = data[: rng.integers(len(data))]
        data = bytes(data)
        assert outcome(decode, data) == outcome(decode_by_pillow, data)
