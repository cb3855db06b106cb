"""TFRecord files as others write them: features, labels, compression."""

import gzip
import zlib

import numpy as np
import pytest
import tensorflow as tf

from simclr.commands.tools import check as command
from simclr.data.shards import unpacked
from simclr.data.sources.registry import absolute, open_source, with_keys
from simclr.messages.errors import InputError
from tests.images import encoded
from tests.test_records import (
    expect_error,
    own_cache,
    serialize,
    write_shard,
)

__all__ = ["own_cache"]  # A fixture.


def opened(tmp_path, records, spec="tfrecord:{}"):
    write_shard(tmp_path / "x", records)
    return open_source(spec.format(tmp_path / "x"))


def test_features_of_any_name(tmp_path):
    records = [
        serialize(
            height=10, width=12, photo__data=encoded(i), target=i % 2, text=b"a"
        )
        for i in range(4)
    ]
    source = opened(tmp_path, records)
    assert [source.read(i) for i in range(4)] == [encoded(i) for i in range(4)]
    assert source.labels.tolist() == [0, 1, 0, 1]
    (note,) = source.notes
    assert note == "the records' image is 'photo/data', their label 'target'"


def test_a_mask_beside_the_image(tmp_path):
    records = [serialize(mask=encoded(9), image=encoded(i)) for i in range(2)]
    source = opened(tmp_path, records)
    assert source.read(1) == encoded(1) and source.notes == []


def test_features_that_are_named(tmp_path, capsys):
    records = [
        serialize(
            image=encoded(i), crop=encoded(i + 9), label=0, breed=b"ab"[i:]
        )
        for i in range(2)
    ]
    spec = with_keys(f"tfrecord:{tmp_path}/x", "crop", "breed")
    source = opened(tmp_path, records, spec)
    assert source.name == spec and source.read(0) == encoded(9)
    assert source.class_names == ["ab", "b"]
    assert source.notes == ["the records' image is 'crop', their label 'breed'"]
    command.check(f"tfrecord:{tmp_path}/x", image_key="crop", label_key="breed")
    assert "image is 'crop', their label 'breed'" in capsys.readouterr().out
    expect_error(
        with_keys(f"tfrecord:{tmp_path}/x", "phot", ""),
        "no feature 'phot', only breed, crop, image, label",
    )
    expect_error("keys:a,b:photos", "keys are of tfrecord, arrayrecord")


def test_keys_go_with_the_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = with_keys("tfrecord:x", "a:b", "c,d")
    assert absolute(spec) == f"keys:a%3Ab,c%2Cd:tfrecord:{tmp_path}/x"
    assert with_keys("photos", "", "") == "photos"


@pytest.mark.parametrize(
    "values,labels,names",
    [
        ([3, 1, 3], [3, 1, 3], ["0", "1", "2", "3"]),
        ([2.0, 0.0, 1.0], [2, 0, 1], ["0", "1", "2"]),
        ([b"dog", b"cat", b"dog"], [1, 0, 1], ["cat", "dog"]),
        ([b"10", b"9", b""], [1, 0, -1], ["9", "10"]),
        ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [2, 0, 1], ["0", "1", "2"]),
        ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [1, 0, 1], ["0", "1"]),
    ],
)
def test_labels_of_every_kind(tmp_path, values, labels, names):
    records = [
        serialize(image=encoded(i), label=value)
        for i, value in enumerate(values)
    ]
    source = opened(tmp_path, records)
    assert source.labels.tolist() == labels and source.class_names == names
    again = open_source(f"tfrecord:{tmp_path}/x")  # From its index.
    assert again.labels.tolist() == labels and again.class_names == names


def test_words_have_one_number_in_all_shards(tmp_path):
    for number, words in enumerate(["ab", "cb", "a"]):
        records = [
            serialize(image=encoded(i), label=word.encode())
            for i, word in enumerate(words)
        ]
        write_shard(tmp_path / f"x-{number}", records)
    source = open_source(f"tfrecord:{tmp_path}/x-*")
    assert source.class_names == ["a", "b", "c"]
    assert source.labels.tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize(
    "value,message",
    [
        ([0, 1, 1], "a label of 3 values"),
        ([4, 7], "a label of 2 values"),
        (0.5, "a label of 0.5, which is no class"),
        (b"\xff\xfe\x80", "a label of 3 bytes that are no text"),
    ],
)
def test_labels_that_are_none(tmp_path, value, message):
    write_shard(tmp_path / "x", [serialize(image=encoded(0), label=value)])
    expect_error(f"tfrecord:{tmp_path}/x", f"record 0: {message}")


PIXELS = np.zeros([28, 28, 3], np.uint8)


@pytest.mark.parametrize(
    "image,what",
    [
        (PIXELS.tobytes(), "2,352 bytes, raw pixels"),
        (PIXELS[0, 0].tolist() * 28, "84 numbers"),
        ((PIXELS[0, 0] / 1.0).tolist() * 28, "84 numbers"),
        (tf.io.serialize_tensor(PIXELS).numpy(), "a serialized tensor, 2,"),
    ],
)
def test_pixels_without_a_file_are_refused(tmp_path, image, what):
    write_shard(tmp_path / "x", [serialize(image=image, label=1)] * 3)
    expect_error(f"tfrecord:{tmp_path}/x", f"{what}.* no encoded image")


@pytest.mark.parametrize("kind", ["GZIP", "ZLIB"])
def test_compressed_shards(tmp_path, kind):
    for number in range(2):
        options = tf.io.TFRecordOptions(compression_type=kind)
        path = str(tmp_path / f"x-{number}.tfrecord.gz")
        with tf.io.TFRecordWriter(path, options) as writer:
            for i in range(3):
                image = encoded(3 * number + i)
                writer.write(serialize(image=image, label=i))
    source = open_source(f"tfrecord:{tmp_path}/x-*")
    assert [source.read(i) for i in range(6)] == [encoded(i) for i in range(6)]
    assert source.id(4) == "x-1.tfrecord.gz__1"
    assert source.labels.tolist() == [0, 1, 2] * 2
    assert "copies are unpacked" in source.notes[0]
    stamps = [p.stat().st_mtime_ns for p in copies(tmp_path)]
    assert len(stamps) == 2
    open_source(f"tfrecord:{tmp_path}/x-*")
    assert [p.stat().st_mtime_ns for p in copies(tmp_path)] == stamps


def copies(tmp_path):
    return sorted((tmp_path / "cache" / "simclr").glob("*.tfrecord"))


def test_several_streams_and_damage(tmp_path):
    write_shard(tmp_path / "x", [serialize(image=encoded(0))] * 9)
    data = (tmp_path / "x").read_bytes()
    both = gzip.compress(data[:100]) + gzip.compress(data[100:])
    (tmp_path / "x").write_bytes(both)
    assert len(open_source(f"tfrecord:{tmp_path}/x")) == 9
    (tmp_path / "x").write_bytes(both[:-20])
    expect_error(f"tfrecord:{tmp_path}/x", "x is cut off")
    (tmp_path / "x").write_bytes(gzip.compress(data)[:50] + b"x" * 99)
    expect_error(f"tfrecord:{tmp_path}/x", "x is damaged")
    assert len(copies(tmp_path)) == 1, "what is not whole is not kept"


def test_a_record_is_not_taken_for_compressed(tmp_path):
    # A length whose bytes begin as zlib's stream.
    write_shard(tmp_path / "x", [b"x" * 0x9C78])
    assert (tmp_path / "x").read_bytes()[:2] == zlib.compress(b"")[:2]
    assert not unpacked.is_compressed(str(tmp_path / "x"))
    with pytest.raises(InputError, match="record 0: "):
        open_source(f"tfrecord:{tmp_path}/x")
