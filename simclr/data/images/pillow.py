"""Any image, by Pillow; decode.py says what is decided where it is odd."""

import contextlib
import dataclasses
import io
import math
import threading
import warnings

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from simclr.data.images import formats, heic
from simclr.data.images.jpeg import ORIENTATION_TAG
from simclr.data.images.png import without_metadata
from simclr.messages.errors import InputError

# Pillow's remarks on odd metadata, which would break progress bars.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

MIN_SIDE = 8
# The short side that is left of a large image: more than any crop needs.
ENOUGH_SIDE = 1024
# The largest phone cameras give 200 million pixels, in JPEGs that a DCT-scaled
# decode takes in little memory. Anything decoded in full takes 4 bytes of
# Pillow's and 3 of ours per pixel.
MAX_PIXELS = 256_000_000
MAX_FULL_PIXELS = 64_000_000
# A block of 64 pixels of a JPEG takes a bit or more in each of its colours.
PIXELS_OF_A_BYTE = 8 * 64
# Images this large are decoded one at a time, whatever the number of threads.
_LARGE_PIXELS = 16_000_000
_ONE_LARGE = threading.Lock()

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLUGINS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PNM": PpmImagePlugin.PpmImageFile,
}


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first bytes of an image say."""

    format: str  # "JPEG", "PNG", ..., of formats.py.
    mode: str  # Pillow's: "RGB", "L", "CMYK", ...
    width: int  # As stored, before EXIF orientation.
    height: int


def decode_by_pillow(data, bit_depth=16):
    """`decode.decode`, of any image."""
    return _despite_metadata(lambda x: _decode(x, bit_depth), data)


def highest_of_16_bits(data):
    """The highest value of a grey image of 16 bits a pixel; 0 of another.

    Raises:
        InputError: as for decode.decode.
    """
    image, _ = _despite_metadata(_open, data)
    if not _is_16_bits(image):
        return 0
    refuse_size(*image.size, scaled=False, held=math.inf)
    try:
        return int(np.max(np.asarray(image)))
    except Exception as error:
        raise InputError(_reason(error)) from None


def _is_16_bits(image):
    return image.mode == "I" or image.mode.startswith("I;16")


def _decode(data, bit_depth):
    image, _ = _open(data)
    jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    held = PIXELS_OF_A_BYTE * len(data) if jpeg else math.inf
    refuse_size(*image.size, _decodes_scaled(image), held)
    pixels = image.width * image.height
    if _decodes_scaled(image):
        _reduce_jpeg(image)
        pixels = image.width * image.height
    with one_large(pixels):
        try:
            image.load()
            turn = _TURNS.get(_orientation(image))
            image = _to_rgb(image, bit_depth)
            factor = min(image.size) // ENOUGH_SIDE
            if factor >= 2:
                image = image.reduce(1 << (factor.bit_length() - 1))
            if turn is not None:
                image = image.transpose(turn)
            return np.asarray(image)
        except InputError:
            raise
        # A damaged file makes Pillow raise anything.
        except Exception as error:
            raise InputError(_reason(error)) from None


def header(data):
    """Reads the format, mode and size of an image, without its pixels.

    Raises:
        InputError: as for decode.decode, as far as the first bytes tell.
    """
    image, name = _despite_metadata(_open, data)
    return Header(name, image.mode, image.width, image.height)


def _despite_metadata(read, data):
    """What `read` makes of an image, by its pixels alone where it must.

    Raises:
        InputError: as `read` of all of it.
    """
    try:
        return read(data)
    except InputError as error:
        bare = without_metadata(data)
        if bare:
            with contextlib.suppress(InputError):
                return read(bare)
        raise error


def _open(data):
    """Pillow's image, not yet decoded, and the name of its format."""
    name, plugin = _format(data)
    try:
        # The plugin itself, not Image.open, whose limit on pixels is one for
        # the whole process, warns before it raises, and knows no JPEG scale.
        return plugin(io.BytesIO(data)), name
    except Exception as error:
        raise InputError(_reason(error)) from None


def _format(data):
    if not data:
        raise InputError("empty file")
    name = formats.format_of(data)
    if not name:
        raise InputError(formats.what_else(data))
    if name == "HEIC":
        return name, heic.plugin()
    return name, _avif() if name == "AVIF" else _PLUGINS[name]


def _avif():
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        raise InputError("an AVIF image: it needs Pillow 11.3") from None
    return AvifImagePlugin.AvifImageFile


def _orientation(image):
    """What EXIF says; None where it is damaged: the pixels may be whole."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG)
    except Exception:  # Pillow raises anything.
        return None
    return orientation if isinstance(orientation, int) else None


def refuse_size(width, height, scaled, held):
    """Raises InputError where an image has too few or too many pixels.

    Args:
        width, height: as stored.
        scaled: a decode at reduced size takes reduced memory.
        held: pixels that its bytes can hold.
    """
    pixels = width * height
    if min(width, height) < MIN_SIDE:
        raise InputError(f"too small: {width} x {height} pixels")
    limit = MAX_PIXELS if scaled else MAX_FULL_PIXELS
    if pixels > limit:
        raise InputError(
            f"too large: {width} x {height} pixels, over "
            f"{limit // 10**6} million"
        )
    if pixels > held:
        raise InputError(
            f"damaged: it claims {width} x {height} pixels, more than its "
            "bytes hold"
        )


def one_large(pixels):
    """A context that lets so many pixels, if many, be decoded alone."""
    return _ONE_LARGE if pixels > _LARGE_PIXELS else contextlib.nullcontext()


def _decodes_scaled(image):
    """Whether a decode at reduced size takes reduced memory.

    A progressive JPEG keeps all its coefficients, 6 bytes a pixel, at any size.
    """
    jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return jpeg and not image.info.get("progressive")


def _reduce_jpeg(image):
    """Lets libjpeg decode at 1/2, 1/4 or 1/8 of a large image's size."""
    if min(image.size) >= 2 * ENOUGH_SIDE:
        image.draft(None, (ENOUGH_SIDE, ENOUGH_SIDE))


def _to_rgb(image, bit_depth):
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise InputError("32 bits a pixel, whose range nobody says")
    if _is_16_bits(image):
        # Pillow's own conversion clips at 255: a 16-bit image turns white.
        most = (1 << bit_depth) - 1
        grey = np.clip(np.asarray(image, np.int64), 0, most) >> (bit_depth - 8)
        image = Image.fromarray(grey.astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _reason(error):
    """One line for what Pillow raised."""
    said = error.args[0] if error.args else ""  # Some of its texts are bytes.
    text = (
        said.decode(errors="replace") if isinstance(said, bytes) else str(error)
    )
    text = " ".join(text.split()) or type(error).__name__
    if "truncated" in text.lower():
        return "truncated"
    return f"damaged: {text[:120]}"
