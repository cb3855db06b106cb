"""One folder with all the forms of docs/data.md, and what becomes of each.

    python benchmarks/data_forms.py --images=PHOTOS --out=docs/data.png

Makes the folder of photos of one's own, asks `simclr check` for it, prints what
that says, and draws each file beside what it becomes: what training sees and
its class, or why it is left out.
"""

import argparse
import contextlib
import glob
import io
import os
import struct
import tempfile
import zlib

import cv2
import numpy as np
from PIL import Image

from simclr.commands.tools.check import check
from simclr.data.images.decode import decode
from simclr.data.sources.registry import open_source
from simclr.pictures.page import BODY, HEADING, MUTED, RED, TITLE, Page, shorten

_SIDE = 160  # Pixels of a photo here.
_ROW, _COLUMN, _TOP = 0.8, 6.3, 1.15  # Inches.
_NOTHING = "left out"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="a folder of JPEGs")
    parser.add_argument("--out", required=True, help="a PNG")
    arguments = parser.parse_args()
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
    with tempfile.TemporaryDirectory() as folder:
        forms = made(photos(arguments.images))
        for name, (data, _) in forms.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            bad = dict(check(folder))
        print(printed.getvalue().replace(folder, "photos"), end="")
        draw(arguments.out, forms, open_source(folder), bad)


def photos(folder):
    """Yields photos, uint8 [h, w, 3], for ever."""
    paths = sorted(glob.glob(os.path.join(folder, "**/*.jp*g"), recursive=True))
    while True:
        for path in paths:
            with open(path, "rb") as file:
                image = Image.fromarray(decode(file.read()))
            image.thumbnail((_SIDE, _SIDE))
            yield np.asarray(image)


def saved(image, file_format, **options):
    """Pixels as the bytes of a file."""
    file = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(file, file_format, **options)
    return file.getvalue()


def with_chunk(png, kind, data):
    """A PNG with one more chunk before its pixels."""
    place = png.index(b"IDAT") - 4
    body = kind + data
    chunk = struct.pack(">I", len(data)) + body
    chunk += struct.pack(">I", zlib.crc32(body))
    return png[:place] + chunk + png[place:]


def made(photo):
    """dict of a file's name -> (its bytes, what it is)."""
    turned = Image.Exif()
    turned[0x0112] = 6
    grey = np.asarray(Image.fromarray(next(photo)).convert("L"), np.uint16)
    wide = next(photo)[..., ::-1].astype(np.uint16) * 257
    jpeg = saved(next(photo), "JPEG")
    png = saved(next(photo), "PNG")
    text = b"Comment\0\0" + zlib.compress(b"a" * (3 << 20))
    one, two = "shelf_1", "shelf_2"
    return {
        f"{one}/1.jpg": (saved(next(photo), "JPEG"), "a JPEG"),
        f"{one}/2.jpg": (
            saved(np.rot90(next(photo)), "JPEG", exif=turned),
            "a JPEG that EXIF turns",
        ),
        f"{one}/3.png": (
            saved(Image.fromarray(next(photo)).convert("P"), "PNG"),
            "a PNG with a palette",
        ),
        f"{one}/4.tif": (saved(grey << 8, "TIFF"), "a grey TIFF of 16 bits"),
        f"{one}/5.tif": (
            cv2.imencode(".tif", wide)[1].tobytes(),
            "a colour TIFF of 16 bits",
        ),
        f"{one}/6.avif": (saved(next(photo), "AVIF"), "an AVIF"),
        f"{one}/7.webp": (saved(next(photo), "WEBP"), "a WebP"),
        f"{one}/8.ppm": (saved(next(photo), "PPM"), "a PNM"),
        f"{one}/9.gif": (saved(next(photo), "GIF"), "a GIF"),
        f"{two}/1.jpg_large": (
            saved(next(photo), "JPEG"),
            "a JPEG with a strange ending",
        ),
        f"{two}/2": (saved(next(photo), "JPEG"), "a JPEG without an ending"),
        f"{two}/3.jpg": (saved(next(photo), "PNG"), "a PNG called .jpg"),
        f"{two}/4.png": (
            with_chunk(png, b"eXIf", b"nonsense"),
            "a PNG with broken EXIF",
        ),
        f"{two}/5.png": (
            with_chunk(png, b"zTXt", text),
            "a PNG with a text of 3 MB",
        ),
        f"{two}/6.jpg": (jpeg[: len(jpeg) // 2], "half a JPEG"),
        f"{two}/7.jpg": (
            b"\0\0\0\x18ftypheic" + bytes(99),
            "a HEIC called .jpg",
        ),
        f"{two}/8.jpg": (b"<!DOCTYPE html>", "a web page called .jpg"),
        f"{two}/9.tif": (
            saved((grey / 255).astype(np.float32), "TIFF"),
            "a TIFF of 32 bits",
        ),
        f"{two}/10.heic": (b"\0\0\0\x18ftypheic" + bytes(99), "a HEIC"),
        f"{two}/11.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000"),
        f"{two}/12.nef": (saved(next(photo), "TIFF"), "a camera's raw photo"),
        f"{two}/._1.jpg": (bytes(99), "a Mac's shadow of a file"),
        f"{two}/@eaDir/1.jpg": (jpeg, "a Synology's thumbnail"),
        f"{two}/Thumbs.db": (bytes(99), "a Windows cache"),
        "notes.txt": (b"words", "a text"),
        "cover.jpg": (saved(next(photo), "JPEG"), "a photo beside the classes"),
    }


def draw(path, forms, source, bad):
    """Draws each file, what it is, and what becomes of it."""
    index = {source.id(i): i for i in range(len(source))}
    half = -(-len(forms) // 2)
    page = Page(2 * _COLUMN + 0.9, _TOP + half * _ROW + 0.2)
    page.text(
        0.5, 0.3, "One folder, and what becomes of it", size=TITLE, bold=True
    )
    for number, (name, (_, what)) in enumerate(forms.items()):
        x = 0.5 + (number // half) * _COLUMN
        y = _TOP + (number % half) * _ROW
        page.text(x, y + 0.1, shorten(name, 22), size=BODY, bold=True)
        page.text(x, y + 0.3, what, size=BODY, color=MUTED)
        if name in bad:
            page.text(
                x + 3.2,
                y + 0.2,
                shorten(bad[name].partition(":")[0], 40),
                color=RED,
            )
        elif name in index:
            image = decode(source.read(index[name]))
            page.image(x + 2.25, y + 0.02, _ROW - 0.06, image)
            label = source.labels[index[name]]
            words = source.class_names[label] if label >= 0 else "no class"
            page.text(x + 3.2, y + 0.2, f"read: {words}", size=BODY)
        else:
            page.text(x + 3.2, y + 0.2, _NOTHING, color=MUTED)
    for x in (0.5, 0.5 + _COLUMN):
        page.text(x, _TOP - 0.3, "file", size=HEADING, color=MUTED)
        page.text(x + 2.25, _TOP - 0.3, "becomes", size=HEADING, color=MUTED)
    page.save(path)


if __name__ == "__main__":
    main()
