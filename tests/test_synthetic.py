"""Synthetic images: pure functions of the seed and the index; IDX files."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from simclr.data.images.decode import decode
from simclr.data.sources import idx
from simclr.data.sources.registry import absolute, open_source
from simclr.data.sources.subset import Subset
from simclr.data.sources.synthetic import draws, words
from simclr.data.sources.synthetic.canvas import Canvas
from simclr.data.sources.synthetic.opening import SYNTHETIC

TEST = "digits=sample/test"
ALL = (
    f"multidigits?number=3&{TEST}",
    f"multidigits?number=3&overlap=yes&{TEST}",
    f"digit_size?large=50&{TEST}",
    f"digit_on_image?size=112&unique=4&{TEST}&images=sample/test",
)


def opened(text):
    return open_source(f"synthetic:{text}")


def pixels(source, count=4):
    return np.stack([decode(source.read(i)) for i in range(count)])


def test_random_numbers_are_a_function_of_what_they_are_for():
    assert draws.uniform(0, 0, 0) == 0.9840321660442114
    assert draws.below(10, 3, np.arange(5), 1).tolist() == [8, 0, 5, 0, 0]
    many = draws.uniform(7, np.arange(300)[:, None], np.arange(40))
    assert many.shape == (300, 40) and many.min() >= 0 and many.max() < 1
    assert many[20, 30] == draws.uniform(7, 20, 30)
    assert abs(many.mean() - 0.5) < 4 / np.sqrt(12 * many.size)
    assert len(np.unique(many)) == many.size
    assert abs(np.corrcoef(many[:, 0], many[:, 1])[0, 1]) < 4 / np.sqrt(300)


@pytest.mark.parametrize("text", ALL)
def test_an_image_depends_on_seed_and_index_alone(text):
    source, again = opened(text), opened(text)
    images = pixels(source)
    assert images.dtype == np.uint8 and images.shape[1:] == (112, 112, 3)
    np.testing.assert_array_equal(decode(again.read(3)), images[3])
    assert source.fingerprint() == again.fingerprint()
    np.testing.assert_array_equal(source.labels, again.labels)
    assert len(source.labels) == len(source) == 2000
    assert source.labels.dtype == np.int32 and len(source.class_names) == 10
    other = opened(text.replace("?", "?seed=1&"))
    assert (pixels(other) != images).any(axis=(1, 2, 3)).sum() > 1
    assert other.fingerprint() != source.fingerprint()
    assert (other.labels != source.labels).mean() > 0.6
    assert len({source.id(i) for i in range(len(source))}) == 2000


GOLDEN = {
    ALL[0]: "f5806b888016",
    ALL[1]: "b50feb590e6a",
    ALL[2]: "f3d747f2ca8e",
    ALL[3]: "b9a632583c12",
}


@pytest.mark.parametrize("text", ALL)
def test_golden(text):
    found = hashlib.blake2b(pixels(opened(text)).tobytes(), digest_size=6)
    assert found.hexdigest() == GOLDEN[text]


@pytest.mark.parametrize("number", [1, 3, 8])
def test_digits_do_not_overlap_where_that_is_said(number):
    source = opened(f"multidigits?number={number}&{TEST}")
    for index in range(40):
        places = source.places(index)
        assert places.shape == (number, 2)
        assert places.min() >= 0 and places.max() <= 84
        gaps = np.abs(places[:, None] - places).max(axis=2)
        assert (gaps + 28 * np.eye(number) >= 28).all()
    seen = np.concatenate([source.places(i) for i in range(300)])
    assert seen.min() < 3 and seen.max() > 81


def test_digits_that_may_overlap_do():
    source = opened(f"multidigits?number=8&overlap=yes&{TEST}")
    places = source.places(0)
    gaps = np.abs(places[:, None] - places).max(axis=2)
    assert (gaps + 28 * np.eye(8) < 28).any()


def test_one_digit_is_on_the_canvas_as_it_is_and_gives_the_class():
    source = opened(f"multidigits?{TEST}")
    [place] = source.places(5)
    image = decode(source.read(5))
    y, x = place
    digit = image[y : y + 28, x : x + 28]
    digits = open_source("sample/test")
    every = pixels(digits, 2000)
    [number] = np.flatnonzero((every == digit).all(axis=(1, 2, 3)))
    assert source.labels[5] == digits.labels[number]
    assert image.sum() == digit.sum()


@pytest.mark.parametrize("large", [20, 50, 80])
def test_two_digits_of_two_sizes_do_not_meet(large):
    text = f"digit_size?large={large}&{TEST}"
    source, other = opened(text), opened(f"{text}&label=large")
    np.testing.assert_array_equal(pixels(source), pixels(other))
    assert source.fingerprint() == other.fingerprint()
    assert (source.labels != other.labels).mean() > 0.8
    for index in range(30):
        small, big = source.places(index)
        assert min(*small, *big) >= 0
        assert max(small) <= 92 and max(big) <= 112 - large
        assert (np.maximum(small - big - large, big - small - 20) >= 0).any()
        image = decode(source.read(index)).copy()
        image[small[0] : small[0] + 20, small[1] : small[1] + 20] = 0
        image[big[0] : big[0] + large, big[1] : big[1] + large] = 0
        assert not image.any()


def test_a_digit_lies_nine_times_over_a_photo_and_is_one_of_the_first():
    text = f"digit_on_image?size=112&unique=3&{TEST}&images=sample/test"
    source, behind = (
        opened(text),
        opened(f"{text.replace('&im', '&label=image&im')}"),
    )
    plain = open_source("sample/test")
    np.testing.assert_array_equal(behind.labels, plain.labels)
    np.testing.assert_array_equal(pixels(source), pixels(behind))
    digits = pixels(plain, 3)
    assert set(source.labels) == set(plain.labels[:3])
    seen = set()
    for index in range(12):
        image = decode(source.read(index)).astype(int)
        [number] = [
            i
            for i, digit in enumerate(digits)
            if all(
                (image[y : y + 28, x : x + 28] >= digit).all()
                for y in (16, 50, 84)
                for x in (16, 50, 84)
            )
        ]
        assert source.labels[index] == plain.labels[number]
        seen.add(number)
    assert seen == {0, 1, 2}


def test_their_words():
    name, options = words.split("a?b=1&images=c?images=d&b=2")
    assert (name, options) == ("a", {"b": "1", "images": "c?images=d&b=2"})
    assert words.join(name, options) == "a?b=1&images=c?images=d&b=2"
    assert absolute("synthetic:multidigits") == "synthetic:multidigits"
    assert absolute("synthetic:digit_on_image?digits=/d&images=/i") == (
        "synthetic:digit_on_image?digits=/d&images=/i"
    )
    assert absolute("synthetic:randbits?bits=2&images=sample/test") == (
        "synthetic:randbits?bits=2&images=sample/test"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("multidigit", "Did you mean multidigits"),
        ("multidigits?digit=3", "no option 'digit', only digits, number"),
        ("multidigits?number", "is no OPTION=VALUE"),
        ("multidigits?number=1&number=2", "there twice"),
        ("multidigits?number=x", "number is a number, not 'x'"),
        ("multidigits?seed=-1", "seed is a number, not '-1'"),
        ("multidigits?number=9", "fill more than half of 112"),
        ("multidigits?number=0", "do not fit"),
        ("multidigits?overlap=maybe", "overlap is no or yes"),
        ("digit_size?large=93", "do not fit beside each other in 112"),
        ("digit_size?label=digit", "label is small or large"),
        ("digit_on_image?size=108", "do not fit nine times"),
        ("digit_on_image?label=large", "label is digit or image"),
        ("digit_on_image?size=112&unique=2001&digits=sample/test", "2,000"),
        ("randbits?bits=65", "0 to 64"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(text, message):
    with pytest.raises(ValueError, match=message) as error:
        opened(text)
    assert "\n" not in str(error.value)


def test_every_kind_is_tried_here():
    assert {text.partition("?")[0] for text in ALL} | {"randbits"} == set(
        SYNTHETIC
    )
    assert issubclass(type(opened(ALL[0])), Canvas)


def write_idx(path, array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = head + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_mnist(folder, end=""):
    """Four files as MNIST has them, of a few random images."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for begin, count in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 256, [count, 28, 28], dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        write_idx(folder / f"{begin}-images-idx3-ubyte{end}", images)
        write_idx(folder / f"{begin}-labels-idx1-ubyte{end}", labels)
    return images


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files(tmp_path, end):
    images = write_mnist(tmp_path / "mnist", end)
    found = idx.find(str(tmp_path / "mnist"))
    assert list(found) == ["train", "test"]
    assert absolute(found["test"]) == found["test"]
    train, test = (open_source(found[split]) for split in found)
    assert (len(train), len(test)) == (30, 10)
    np.testing.assert_array_equal(test.labels, np.arange(10))
    assert test.class_names == [str(i) for i in range(10)]
    np.testing.assert_array_equal(pixels(test)[..., 1], images[:4])
    digits = opened(f"multidigits?digits={found['test']}")
    assert len(digits) == 10
    assert Subset(digits, np.array([3])).labels == [digits.labels[3]]


def test_what_is_no_idx_file(tmp_path):
    write_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    labels = tmp_path / "train-labels-idx1-ubyte"
    with pytest.raises(ValueError, match="no IDX file of bytes with 3 axes"):
        open_source(f"idx:{labels}")
    write_idx(labels, np.zeros(4, np.uint8))
    with pytest.raises(ValueError, match=r"30 images and .* 4 labels"):
        open_source(f"idx:{path}")
    labels.unlink()
    assert open_source(f"idx:{path}").labels is None
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short"):
        open_source(f"idx:{path}")
    packed = tmp_path / "train-images-idx3-ubyte.gz"
    head = struct.pack(">HBB3I", 0, 8, 3, 1 << 20, 28, 28)
    packed.write_bytes(gzip.compress(head + bytes(1000)))
    with pytest.raises(ValueError, match="cut short: 1,000 bytes of 1048576 x"):
        open_source(f"idx:{packed}")
    packed.write_bytes(gzip.compress(head[:4] + struct.pack(">3I", 1, 2, 3)))
    with pytest.raises(ValueError, match="cut short: 0 bytes"):
        open_source(f"idx:{packed}")
    head = struct.pack(">HBB3I", 0, 8, 3, 1, 28, 28)
    packed.write_bytes(gzip.compress(head + bytes(5_000_000)))
    with pytest.raises(ValueError, match="longer than it says: 785 bytes of 1"):
        open_source(f"idx:{packed}")
    head = struct.pack(">HBB3I", 0, 8, 3, 1 << 31, 28, 28)
    packed.write_bytes(gzip.compress(head))
    with pytest.raises(ValueError, match=r"says that it holds 1,683,\d"):
        open_source(f"idx:{packed}")
    data = bytearray(gzip.compress(head + bytes(range(200))))
    data[30] ^= 0xFF
    packed.write_bytes(data)
    with pytest.raises(ValueError, match="is no IDX file"):
        open_source(f"idx:{packed}")
    packed.unlink()
    path.write_bytes(b"\x00")
    with pytest.raises(ValueError, match="is no IDX file"):
        open_source(f"idx:{path}")
    path.unlink()
    with pytest.raises(ValueError, match="holds no train-images-idx3-ubyte"):
        idx.find(str(tmp_path))
