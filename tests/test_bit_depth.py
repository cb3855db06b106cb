"""Images of 16 bits a pixel that use fewer."""

import numpy as np
import pytest

from simclr.commands.tools import check as command
from simclr.data.images.decode import decode
from simclr.data.images.pillow import highest_of_16_bits
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import absolute, open_source
from simclr.data.sources.subset import Subset
from simclr.messages.errors import InputError
from tests.images import as_file, encoded, write


def grey(highest, number=0):
    """A picture of 16 bits whose brightest pixel is `highest`, a PNG."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, highest + 1, [20, 30], dtype=np.uint16)
    pixels[0, 0] = highest
    return pixels


@pytest.fixture
def photos(tmp_path):
    """Of 12 bits; the first is darker than all others."""
    for number, highest in enumerate([300, 4095, 4000]):
        path = tmp_path / "photos" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(as_file(grey(highest, number)))
    return tmp_path / "photos"


@pytest.mark.parametrize("bits", ["12", "auto"])
def test_a_whole_set_has_one_depth(photos, bits):
    source = open_source(f"bits:{bits}:{photos}")
    assert source.bit_depth == 12
    reader = Reader(source)
    for number, highest in enumerate([300, 4095, 4000]):
        image, _ = reader.load(number)
        np.testing.assert_array_equal(image[..., 1], grey(highest, number) >> 4)
    assert len(source.notes) == (bits == "auto")
    assert Subset(source, np.array([1])).bit_depth == 12
    assert open_source(f"bits:12:{photos}").fingerprint() == (
        open_source(str(photos)).fingerprint()
    )


def test_more_than_is_used_is_white():
    data = as_file(grey(5000))
    assert decode(data, 12).max() == 255 and decode(data).max() == 5000 >> 8
    assert highest_of_16_bits(data) == 5000
    assert highest_of_16_bits(encoded(0)) == 0


def test_check_says_so(photos, capsys):
    command.check(str(photos))
    printed = capsys.readouterr().out
    assert (
        "dark  16-bit images use 12 bits: their white is 15 of 255" in printed
    )
    assert f"Say bits:12:{photos}" in printed
    command.check(f"bits:12:{photos}")
    assert "dark" not in capsys.readouterr().out
    (photos / "3.png").write_bytes(as_file(grey(65535)))
    command.check(str(photos))
    assert "dark" not in capsys.readouterr().out


@pytest.mark.parametrize("words", ["bits:7:{}", "bits:17:{}", "bits:x:{}"])
def test_depths_that_there_are_not(photos, words):
    with pytest.raises(InputError, match="from 8 to 16, or auto"):
        open_source(words.format(photos))


def test_auto_needs_such_images(tmp_path):
    write(tmp_path / "photos" / "1.png")
    with pytest.raises(InputError, match="none has 16 bits"):
        open_source(f"bits:auto:{tmp_path}/photos")


def test_wherever_the_current_folder_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("bits:12:photos") == f"bits:12:{tmp_path}/photos"
