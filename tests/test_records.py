"""TFRecord and ArrayRecord files of tf.train.Example, local and remote."""

import concurrent.futures
import gzip
import struct
import uuid
import zlib

import numpy as np
import pytest
import tensorflow as tf
from array_record.python.array_record_module import ArrayRecordWriter

from simclr.data.shards import arrayrecord, crc32c, example, tfrecord
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from simclr.storage import files
from tests.images import ListSource, encoded

FORMATS = ["tfrecord", "arrayrecord"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, list) and isinstance(value[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    if isinstance(value, float | list):
        value = value if isinstance(value, list) else [value]
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def serialize(**features):
    """An example as TensorFlow writes it; __ in a name stands for /."""
    features = {k.replace("__", "/"): feature(v) for k, v in features.items()}
    features = tf.train.Features(feature=features)
    return tf.train.Example(features=features).SerializeToString()


def write_shard(path, records, file_format="tfrecord"):
    """Writes a shard by the libraries that everybody uses."""
    if file_format == "tfrecord":
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
    else:
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for record in records:
            writer.write(record)
        writer.close()


def numbered(numbers, **options):
    return [serialize(image=encoded(i, **options), label=i) for i in numbers]


@pytest.fixture(params=FORMATS)
def shards(request, tmp_path):
    """Three shards of 3, 0 and 4 images; opens as spec."""
    for shard, numbers in enumerate([range(3), [], range(3, 7)]):
        path = tmp_path / f"x-{shard}.{request.param}"
        write_shard(path, numbered(numbers), request.param)
    return f"{request.param}:{tmp_path}/x-*"


def test_reads_at_random(shards):
    source = open_source(shards)
    assert source.name == shards
    assert len(source) == 7
    for index in [6, 0, 3, 2, 5, 1, 4]:
        assert source.read(index) == encoded(index)
    assert source.labels.tolist() == list(range(7))
    assert source.labels.dtype == np.int32
    # Numbers are names where nobody gave better ones.
    assert source.class_names == [str(i) for i in range(7)]
    assert source.block_size == 1


def test_ids_are_shard_and_position(shards):
    source = open_source(shards)
    suffix = shards.partition(":")[0]
    assert source.id(0) == f"x-0.{suffix}__0"
    assert source.id(6) == f"x-2.{suffix}__3"


def test_second_opening_uses_the_index(shards, monkeypatch):
    first = open_source(shards)
    for module in (arrayrecord, tfrecord):
        monkeypatch.delattr(module, "walk")
    second = open_source(shards)
    assert second.fingerprint() == first.fingerprint()
    assert second.labels.tolist() == first.labels.tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: zlib.compress(b"[]\n" + zlib.decompress(data)),
        lambda data: zlib.compress(zlib.decompress(data)[:-1]),
    ],
)
def test_a_damaged_index_is_made_again(tmp_path, shards, damage):
    labels = open_source(shards).labels.tolist()
    kept = list((tmp_path / "cache" / "simclr").glob("*.index"))
    assert kept
    whole = [path.read_bytes() for path in kept]
    for path in kept:
        path.write_bytes(damage(path.read_bytes()))
    assert open_source(shards).labels.tolist() == labels
    assert [path.read_bytes() for path in kept] == whole


def test_a_shard_that_changed_is_indexed_again(tmp_path):
    write_shard(tmp_path / "a", numbered(range(3)))
    before = open_source(f"tfrecord:{tmp_path}/a")
    write_shard(tmp_path / "a", numbered(range(4)))
    after = open_source(f"tfrecord:{tmp_path}/a")
    assert len(after) == 4
    assert after.fingerprint() != before.fingerprint()


def test_many_threads_read_the_same(shards):
    source = open_source(shards)
    indices = np.random.default_rng(0).integers(0, 7, 400)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        images = list(pool.map(source.read, indices))
    assert images == [encoded(index) for index in indices]


@pytest.mark.parametrize("file_format", FORMATS)
def test_own_ids_and_other_names(tmp_path, file_format):
    records = [
        serialize(
            image__encoded=encoded(i, size=(200, 100)),  # Over 4096 bytes.
            image__class__label=i + 1,
            image__width=200,
            weight=0.5,
            id=f"photo/{i}".encode(),
        )
        for i in range(3)
    ]
    write_shard(tmp_path / "a", records, file_format)
    source = open_source(f"{file_format}:{tmp_path}/a")
    assert [source.id(i) for i in range(3)] == ["photo/0", "photo/1", "photo/2"]
    assert source.labels.tolist() == [1, 2, 3]
    assert source.read(2) == encoded(2, size=(200, 100))


def test_ids_that_repeat_are_not_used(tmp_path):
    records = [serialize(image=encoded(i), id=b"same") for i in range(2)]
    write_shard(tmp_path / "a", records)
    source = open_source(f"tfrecord:{tmp_path}/a")
    assert source.id(1) == "a__1"
    assert "not unique (1 for 2 images)" in source.notes[0]


def test_some_labels_and_none(tmp_path):
    records = [serialize(image=encoded(0)), *numbered([1])]
    write_shard(tmp_path / "some", records)
    write_shard(tmp_path / "none", records[:1])
    assert open_source(f"tfrecord:{tmp_path}/some").labels.tolist() == [-1, 1]
    assert open_source(f"tfrecord:{tmp_path}/none").labels is None


def test_shards_of_one_name_in_two_folders(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        write_shard(tmp_path / folder / "x", numbered([0]))
    source = open_source(f"tfrecord:{tmp_path}/*/x")
    assert [source.id(0), source.id(1)] == ["a/x__0", "b/x__0"]


def test_a_folder_stands_for_its_shards(tmp_path):
    write_shard(tmp_path / "x-0", numbered([0]))
    (tmp_path / "README.md").write_text("about")
    assert len(open_source(f"tfrecord:{tmp_path}")) == 1


@pytest.mark.parametrize("folder", ["out [v1]", "a[b", "x*y?", "[!a]"])
def test_a_path_that_exists_is_no_pattern(tmp_path, folder):
    (tmp_path / folder).mkdir()
    for number in range(2):
        write_shard(tmp_path / folder / f"x-{number}", numbered([number]))
    for rest, count in (("", 2), ("/x-*", 2), ("/x-1", 1), ("/x-[0]", 1)):
        assert len(open_source(f"tfrecord:{tmp_path}/{folder}{rest}")) == count


def test_labels_file_for_records(tmp_path):
    write_shard(tmp_path / "x", numbered(range(3)))
    (tmp_path / "labels.csv").write_text("id,label\nx__2,dog\nx__0,cat\n")
    source = open_source(
        f"tfrecord:{tmp_path}/x", labels=str(tmp_path / "labels.csv")
    )
    assert source.labels.tolist() == [0, -1, 1]


def test_nothing_matches(tmp_path):
    (tmp_path / "x-0.rec").write_text("")
    with pytest.raises(OSError, match=r"no file matches; .* 1 others, such as"):
        open_source(f"tfrecord:{tmp_path}/*.tfrecord")
    with pytest.raises(OSError, match="is empty or does not exist"):
        open_source(f"arrayrecord:{tmp_path}/none/*")


def test_no_records(tmp_path):
    write_shard(tmp_path / "x", [])
    with pytest.raises(ValueError, match="1 file without a record"):
        open_source(f"tfrecord:{tmp_path}/x")


def expect_error(spec, message):
    with pytest.raises((InputError, OSError), match=message) as error:
        open_source(spec)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_truncated_tfrecord(tmp_path, cut):
    write_shard(tmp_path / "bad", numbered(range(3), size=(60, 60)))
    data = (tmp_path / "bad").read_bytes()
    (tmp_path / "bad").write_bytes(data[:-cut])
    expect_error(f"tfrecord:{tmp_path}/bad", "bad is cut off")


@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
def test_truncated_arrayrecord(tmp_path, share):
    write_shard(tmp_path / "bad", numbered(range(9)), "arrayrecord")
    data = (tmp_path / "bad").read_bytes()
    (tmp_path / "bad").write_bytes(data[: int(len(data) * share)])
    expect_error(f"arrayrecord:{tmp_path}/bad", "bad is no whole ArrayRecord")


def test_damaged_lengths(tmp_path):
    write_shard(tmp_path / "bad", numbered(range(3)))
    data = bytearray((tmp_path / "bad").read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    data[size + 16] ^= 1  # The length of the second record.
    (tmp_path / "bad").write_bytes(data)
    expect_error(f"tfrecord:{tmp_path}/bad", "bad is damaged at byte")


def test_other_files(tmp_path):
    (tmp_path / "text").write_text("id,label\n" * 100)
    expect_error(f"tfrecord:{tmp_path}/text", "text is not a TFRecord file")
    expect_error(f"arrayrecord:{tmp_path}/text", "text is no whole ArrayRecord")
    (tmp_path / "packed").write_bytes(gzip.compress(b"x" * 100))
    expect_error(f"tfrecord:{tmp_path}/packed", "packed is not a TFRecord file")


@pytest.mark.parametrize("file_format", FORMATS)
def test_records_of_something_else(tmp_path, file_format):
    write_shard(tmp_path / "a", [serialize(text=b"x", label=1)], file_format)
    expect_error(
        f"{file_format}:{tmp_path}/a", "record 0: no image under .*text"
    )
    write_shard(tmp_path / "b", [b"\xff" * 50], file_format)
    expect_error(f"{file_format}:{tmp_path}/b", "record 0: not a tf.train.Exam")


def test_one_record_without_image_is_unreadable(tmp_path):
    write_shard(tmp_path / "a", [*numbered([0]), serialize(label=3)])
    source = open_source(f"tfrecord:{tmp_path}/a")
    assert source.read(0) == encoded(0)
    with pytest.raises(ValueError, match="no image under"):
        source.read(1)


def test_damage_inside_an_arrayrecord_is_unreadable(tmp_path):
    write_shard(
        tmp_path / "a", numbered(range(5), size=(60, 60)), "arrayrecord"
    )
    spec = f"arrayrecord:{tmp_path}/a"
    source = open_source(spec)
    data = bytearray((tmp_path / "a").read_bytes())
    data[len(data) // 4] ^= 0xFF
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(OSError, match="a is damaged"):
        for index in range(5):
            source.read(index)


@pytest.mark.parametrize("file_format", FORMATS)
def test_shards_that_are_written_anew(tmp_path, file_format):
    """In the same process; what was open before is another file."""
    for numbers in (range(3), range(3, 7)):
        (tmp_path / "x").unlink(missing_ok=True)
        write_shard(tmp_path / "x", numbered(numbers), file_format)
        source = open_source(f"{file_format}:{tmp_path}/x")
        assert source.labels.tolist() == list(numbers)
        images = [source.read(i) for i in range(len(source))]
        assert images == [encoded(i) for i in numbers]


@pytest.mark.parametrize("file_format", FORMATS)
def test_another_folder_later(tmp_path, file_format, monkeypatch):
    write_shard(tmp_path / "x", numbered(range(3)), file_format)
    monkeypatch.chdir(tmp_path)
    source = open_source(f"{file_format}:x")
    monkeypatch.chdir("/")
    assert source.read(2) == encoded(2)


def test_folders_whose_classes_differ(tmp_path):
    """Label 0 of one is not label 0 of the other."""
    for folder, classes in (("a", ["cat", "dog"]), ("b", ["ant", "bee"])):
        images = ListSource([encoded(i) for i in range(2)], [0, 1], classes)
        prepare(images, str(tmp_path / folder))
        assert open_source(str(tmp_path / folder)).class_names == classes
    expect_error(f"arrayrecord:{tmp_path}/*/*", "a and .*b have different")


def test_a_manifest_that_cannot_be_read(tmp_path, monkeypatch):
    """Its class names are not silently numbers then."""
    write_shard(tmp_path / "x", numbered(range(3)))

    def refuse(path):
        raise PermissionError(f"{path}: no permission")

    monkeypatch.setattr(files, "read_file", refuse)
    expect_error(f"tfrecord:{tmp_path}", "no permission")


@pytest.mark.parametrize("file_format", FORMATS)
def test_remote_shards(tmp_path, file_format, monkeypatch):
    # ram:// takes the same way through tf.io.gfile as gs://.
    monkeypatch.setattr(files, "CHUNK_BYTES", 1000)
    folder = f"ram://{uuid.uuid4()}"
    for shard, numbers in enumerate([range(20), range(20, 30)]):
        write_shard(tmp_path / "x", numbered(numbers), file_format)
        data = (tmp_path / "x").read_bytes()
        tf.io.gfile.makedirs(folder)
        with tf.io.gfile.GFile(f"{folder}/x-{shard}", "wb") as file:
            file.write(data)
    source = open_source(f"{file_format}:{folder}/x-*")
    # ArrayRecord shards are copied to the local cache.
    # An image here is about 450 bytes, a chunk 1000.
    assert source.block_size == (2 if file_format == "tfrecord" else 1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        images = list(pool.map(source.read, range(30)))
    assert images == [encoded(i) for i in range(30)]
    assert source.id(20) == "x-1__0"
    expect_error(f"{file_format}:{folder}/y-*", "no file matches")


def test_a_remote_file_that_is_replaced():
    """Chunks of the one before are not given out."""
    path = "ram://replaced"
    for content in (b"first", b"the other", b"a longer one"):
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)  # ram:// would append.
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(content)
        size, _ = files.stat(path)
        with files.opened(path) as read:
            assert read(0, size) == content
            assert read(2, 3) == content[2:5]


def test_remote_store_that_tensorflow_does_not_know():
    expect_error("tfrecord:zz://bucket/*", "TensorFlow cannot read zz://")


def test_remote_images_must_be_shards():
    for spec in ("gs://bucket/photos", "folder:gs://bucket/photos"):
        expect_error(spec, "Pack them with `simclr prepare`")


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31, 2**62, -1, -5])
def test_examples_read_and_write_as_tensorflow_does(value):
    theirs = serialize(label=value, image=b"x" * 300, weight=1.5)
    ours = example.serialize({"image": b"x" * 300, "label": value})
    for data in (theirs, ours):
        features = example.find_features(data, len(data))
        assert example.all_values(data, features["label"]) == [value]
        assert example.all_values(data, features["image"]) == [b"x" * 300]
        assert example.first_bytes(data, features["image"]) == b"x" * 300
        assert example.first_bytes(data, features["label"]) is None
    back = tf.train.Example.FromString(ours).features.feature
    assert back["label"].int64_list.value[0] == value
    assert back["image"].bytes_list.value[0] == b"x" * 300


def test_empty_lists_are_nothing():
    empty = tf.train.Feature(int64_list=tf.train.Int64List())
    data = tf.train.Example(
        features=tf.train.Features(
            feature={"label": empty, "image": tf.train.Feature()}
        )
    ).SerializeToString()
    features = example.find_features(data, len(data))
    assert example.all_values(data, features["label"]) == []
    assert example.label_of(data, features["label"]) is None
    assert example.first_bytes(data, features["image"]) is None
    # An int64_list whose packed values take no bytes, as some writers do.
    feature = bytes([3 << 3 | 2, 2, 1 << 3 | 2, 0])
    assert example.all_values(feature, (0, 4)) == []


def test_example_that_is_cut_off():
    data = serialize(image=b"x" * 300)
    for size in (len(data) - 1, len(data) - 200):
        with pytest.raises(ValueError, match="or cut off"):
            example.find_features(data[:size], size)


def test_random_bytes_are_no_example():
    rng = np.random.default_rng(0)
    for size in range(200):
        data = rng.bytes(size)
        try:
            for span in example.find_features(data, size).values():
                example.first_bytes(data, span)
                example.all_values(data, span)
        except ValueError as error:
            assert "tf.train.Example" in str(error)


def test_checksum_of_lengths():
    # RFC 3720 B.4: CRC-32C of 32 zero bytes is 0x8a9136aa; masked as in
    # tensorflow/core/lib/hash/crc32c.h.
    crc = 0x8A9136AA
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert crc32c.masked(b"\0" * 32) == masked
