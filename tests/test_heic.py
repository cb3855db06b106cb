"""HEIC images, with a decoder of them and without.

tests/golden/photo.heic is `picture()`, written by pillow-heif 1.8.1 (x265) at
quality 90.
"""

import pathlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from simclr.data.images import heic
from simclr.data.images.decode import decode
from simclr.data.images.pillow import header
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from tests.images import write

PHOTO = pathlib.Path(__file__).parent / "golden" / "photo.heic"


def picture():
    """Smooth noise, uint8 [30, 40, 3]."""
    coarse = np.random.default_rng(0).integers(0, 256, [3, 4, 3], np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((40, 30), Image.BICUBIC))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def decoder(monkeypatch):
    """A function that installs a decoder, or takes it away, by name."""
    return lambda name: monkeypatch.setattr(heic, "module", lambda: name)


@pytest.fixture
def root(tmp_path):
    """A folder of one PNG and two HEICs, one without an ending."""
    write(tmp_path / "photos" / "1.png", 1)
    for name in ("2.HEIC", "3"):
        (tmp_path / "photos" / name).write_bytes(PHOTO.read_bytes())
    return tmp_path / "photos"


def ids(source):
    return [source.id(i) for i in range(len(source))]


def test_pixels():
    pytest.importorskip("pi_heif")
    found = decode(PHOTO.read_bytes())
    assert found.shape == (30, 40, 3) and found.dtype == np.uint8
    off = np.abs(found.astype(int) - picture())
    assert off.mean() < 6  # Colours at half the resolution; 67 upside down.
    told = header(PHOTO.read_bytes())
    assert (told.format, told.width, told.height) == ("HEIC", 40, 30)
    with pytest.raises(InputError, match="damaged"):
        decode(PHOTO.read_bytes()[:700])


def test_without_a_decoder_they_are_left_out_and_it_is_said_how(root, decoder):
    decoder("")
    source = open_source(str(root))
    assert ids(source) == ["1.png"]
    notes = "; ".join(source.notes)
    assert "1 .heic" in notes and "[heic]" in notes and "magick" in notes
    (root / "2.jpg").write_bytes(PHOTO.read_bytes())
    with pytest.raises(InputError, match=r"a HEIC image: .*\[heic\]"):
        decode((root / "2.jpg").read_bytes())


def test_a_listing_from_before_the_decoder_came_is_not_used(root, decoder):
    decoder("")
    assert ids(open_source(str(root))) == ["1.png"]
    decoder("pi_heif")
    assert ids(open_source(str(root))) == ["1.png", "2.HEIC", "3"]


def test_nor_is_that_of_an_archive(root, decoder):
    with zipfile.ZipFile(root.parent / "a.zip", "w") as packed:
        for path in sorted(root.iterdir()):
            packed.write(path, path.name)
    spec = f"zip:{root.parent}/a.zip"
    decoder("")
    assert ids(open_source(spec)) == ["1.png"]
    decoder("pi_heif")
    assert ids(open_source(spec)) == ["1.png", "2.HEIC", "3"]
