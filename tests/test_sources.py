"""The words that open a source; prepared tfds sets; the embedded sample."""

import socket
import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from simclr.data.images.decode import decode
from simclr.data.sources.registry import open_source
from simclr.data.sources.tfds import download as tfds_download
from simclr.messages.errors import InputError
from tests.images import ListSource, encoded


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def store(path, name="tiny", *, config=None, version="1.0.0", **options):
    """Prepares a data set of 4 training and 4 test images, offline."""
    images = tf.data.Dataset.range(4).map(
        lambda i: {
            "image": tf.fill([9, 8, 3], tf.cast(i, tf.uint8)),
            "label": i % 2,
            "name": tf.strings.as_string(i),
        }
    )
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            "name": tfds.features.Text(),
        }
    )
    return tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        config=config,
        features=features,
        split_datasets={"train": images, "test": images},
        data_dir=str(path / "tfds"),
        **options,
    )


def test_tfds_set_in_tfrecord_files(tmp_path):
    builder = store(tmp_path, file_format="tfrecord")
    source = open_source("tfds:tiny/test")
    assert len(source) == 4
    assert source.class_names == ["cat", "dog"]
    config = tfds.ReadConfig(add_tfds_id=True)
    data = builder.as_dataset(split="test", read_config=config)
    theirs = {x["tfds_id"].decode(): x for x in tfds.as_numpy(data)}
    assert {source.id(i) for i in range(4)} == set(theirs)
    for index in range(4):
        example = theirs[source.id(index)]
        image = decode(source.read(index))
        np.testing.assert_array_equal(image, example["image"])
        assert source.labels[index] == example["label"]


def test_tfds_set_in_arrayrecord_files(tmp_path):
    builder = store(tmp_path, file_format="array_record")
    source = open_source("tfds:tiny/test")
    theirs = builder.as_data_source(split="test")
    assert len(source) == len(theirs) == 4
    assert source.id(3) == "tiny-test.array_record-00000-of-00001__3"
    assert source.class_names == ["cat", "dog"]
    for index in range(4):
        image = decode(source.read(index))
        np.testing.assert_array_equal(image, theirs[index]["image"])
        assert source.labels[index] == theirs[index]["label"]


def test_tfds_in_a_folder_with_brackets(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds [1]"))
    (tmp_path / "tfds [1]").mkdir()
    monkeypatch.setattr(tfds_download, "download", None)  # It is there.
    store(tmp_path / "other")
    (tmp_path / "other" / "tfds" / "tiny").rename(tmp_path / "tfds [1]/tiny")
    assert len(open_source("tfds:tiny/train")) == 4


@pytest.mark.parametrize(
    "part,rows",
    [
        ("[:50%]", [0, 1]),
        ("[50%:]", [2, 3]),
        ("[1:3]", [1, 2]),
        ("[-1:]", [3]),
        ("[:-25%]", [0, 1, 2]),
    ],
)
def test_tfds_part_of_a_split(tmp_path, part, rows):
    builder = store(tmp_path)
    theirs = builder.as_dataset(split=f"train{part}")
    whole = open_source("tfds:tiny/train")
    source = open_source(f"tfds:tiny/train{part}")
    assert len(theirs) == len(source) == len(rows)
    assert [source.id(i) for i in range(len(source))] == [
        whole.id(row) for row in rows
    ]
    assert source.name == f"tfds:tiny/train{part}"
    assert source.labels.tolist() == whole.labels[rows].tolist()


@pytest.mark.parametrize(
    "part,message",
    [("[3:1]", "leaves none of 4"), ("[2]", "is said as"), ("[a:]", "is said")],
)
def test_tfds_part_that_is_none(tmp_path, part, message):
    store(tmp_path)
    with pytest.raises(InputError, match=message):
        open_source(f"tfds:tiny/train{part}")


def test_tfds_split_is_train_unless_said(tmp_path):
    store(tmp_path)
    source = open_source("tfds:tiny")
    assert source.id(0) == "tiny-train.tfrecord-00000-of-00001__0"
    assert source.name == "tfds:tiny"


def test_tfds_configs_and_versions(tmp_path):
    store(tmp_path, "one", config="small")
    store(tmp_path, "two", config="a")
    store(tmp_path, "two", config="b")
    for version in ("9.0.0", "10.0.0"):
        store(tmp_path, "three", version=version)
    for spec in (
        "tfds:one",
        "tfds:one/test",
        "tfds:one/small/test",
        "tfds:one/small:1.0.0/test",
        "tfds:two/b",
        "tfds:two/a/train",
        "tfds:three",
        "tfds:three:9.0.0/train",
    ):
        assert len(open_source(spec)) == 4
    newest = open_source("tfds:three")
    assert "10.0.0" in newest._shards[0]._path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tfds:cifar10", r"'cifar10' is not prepared in .*tfds build cifar10"),
        ("tfds:tinny", r"Did you mean tfds:tiny\?"),
        ("tfds:tiny/validation", "no split 'validation', only train, test"),
        ("tfds:tiny:3.0.0", "no version '3.0.0', only 1.0.0"),
        ("tfds:two", r"say which config: two/\{a,b\}"),
        ("tfds:two/c", r"say which config: two/\{a,b\}"),
        ("tfds:", "names nothing after tfds:"),
    ],
)
def test_tfds_set_that_is_not_there(tmp_path, spec, message, monkeypatch):
    monkeypatch.setattr(tfds_download.socket, "create_connection", no_network)
    store(tmp_path)
    store(tmp_path, "two", config="a")
    store(tmp_path, "two", config="b")
    with pytest.raises((OSError, ValueError), match=message) as error:
        open_source(spec)
    assert "\n" not in str(error.value)


def no_network(*_):
    raise OSError("Network is unreachable")


class DownloadedOnce(tfds.core.GeneratorBasedBuilder):
    """A data set that tensorflow-datasets knows; its host is a fake one."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        tfds.core.BuilderConfig(name="plain"),
        tfds.core.BuilderConfig(name="other"),
    )
    url_infos = MappingProxyType({"https://images.example/all.zip": None})

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(9, 8, 3)),
                    "label": tfds.features.ClassLabel(names=["cat", "dog"]),
                }
            )
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(4)}

    def _generate_examples(self, count):
        for i in range(count):
            image = np.full([9, 8, 3], i, np.uint8)
            yield i, {"image": image, "label": i % 2}


def test_tfds_set_is_downloaded_where_there_is_a_network(monkeypatch):
    asked = []

    def answer(address, timeout):
        asked.append(address)
        return socket.socket()

    monkeypatch.setattr(tfds_download.socket, "create_connection", answer)
    source = open_source("tfds:downloaded_once/other/train")
    assert asked == [("images.example", 443)]
    assert len(source) == 4 and source.class_names == ["cat", "dog"]
    # Now it is there, and nobody is asked.
    monkeypatch.setattr(tfds_download, "download", None)
    assert len(open_source("tfds:downloaded_once")) == 4


def test_tfds_set_fails_at_once_without_a_network(monkeypatch):
    monkeypatch.setattr(tfds_download.socket, "create_connection", no_network)
    with pytest.raises(OSError, match=r"images\.example does not answer"):
        open_source("tfds:downloaded_once")


def test_tfds_itself_is_broken(monkeypatch):
    """Its import swallows errors, such as that of a wrong protobuf."""
    monkeypatch.delattr(tfds, "builder_cls")
    with pytest.raises(OSError, match=r"tensorflow-metadata<1\.18"):
        open_source("tfds:downloaded_once")


def test_tfds_set_that_must_be_fetched_by_hand():
    with pytest.raises(ValueError, match=r"by hand into .*downloads/manual"):
        open_source("tfds:imagenet2012/train")


def test_tfds_set_whose_preparation_fails(monkeypatch):
    def broken(self, count):
        raise RuntimeError("checksum differs\nmore")
        yield

    monkeypatch.setattr(DownloadedOnce, "_generate_examples", broken)
    monkeypatch.setattr(
        tfds_download.socket, "create_connection", lambda *_: socket.socket()
    )
    for _ in range(2):  # What the first try left does not look prepared.
        with pytest.raises(OSError, match=r"prepared: .*checksum d") as error:
            open_source("tfds:downloaded_once")
        assert "\n" not in str(error.value)


def test_tfds_set_without_images(tmp_path):
    numbers = tf.data.Dataset.range(2).map(lambda i: {"x": i})
    tfds.dataset_builders.store_as_tfds_dataset(
        name="numbers",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"x": np.int64}),
        split_datasets={"train": numbers},
        data_dir=str(tmp_path / "tfds"),
    )
    with pytest.raises(ValueError, match="has no image; its features are x"):
        open_source("tfds:numbers")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "name of a source is empty"),
        ("tfrecords:x", r"no 'tfrecords', only .*Did you mean tfrecord:x\?"),
        ("https:x", "there is no 'https'"),
        ("sample/validation", "has sample/train and sample/test"),
        ("folder:", "names nothing after folder:"),
        ("no/such/folder", "does not exist"),
    ],
)
def test_words_that_name_no_source(spec, message):
    with pytest.raises((OSError, ValueError), match=message) as error:
        open_source(spec)
    assert "\n" not in str(error.value)


def test_sample():
    train, test = open_source("sample"), open_source("sample/test")
    assert (len(train), len(test)) == (12_000, 2_000)
    for source, per_class in ((train, 1200), (test, 200)):
        assert (np.bincount(source.labels) == per_class).all()
        assert source.class_names[0] == "T-shirt/top"
        assert source.class_names[9] == "Ankle boot"
        assert len(source.class_names) == 10
    # The first image of Fashion-MNIST's files is an ankle boot, the second a
    # T-shirt; ids keep their numbers.
    number = {train.id(i): i for i in range(len(train))}
    assert len(number) == 12_000
    assert min(number) == "train/00000"
    assert train.labels[number["train/00000"]] == 9
    image = decode(train.read(number["train/00000"]))
    assert image.shape == (28, 28, 3)
    assert image.sum() == 3 * 76247
    assert test.id(0).startswith("test/")


def test_opening_needs_no_tensorflow(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded())
    code = (
        "import sys\n"
        "from simclr.data.images import check, reader\n"
        "from simclr.data.shards import prepare\n"
        "from simclr.data.sources.registry import open_source\n"
        "check.check(open_source(sys.argv[1]), progress=False)\n"
        "open_source('sample')\n"
        "sys.exit('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert done.returncode == 0


def test_fingerprint_is_of_the_ids():
    one, two = ListSource([b""] * 3), ListSource([b"x"] * 3)
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != ListSource([b""] * 4).fingerprint()
    assert len(one.fingerprint()) == 16
