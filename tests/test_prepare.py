import csv
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.shards import index as shard_index
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.storage.lock import locked
from tests.images import ListSource, encoded, write

FORMATS = ["arrayrecord", "tfrecord"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_folder_comes_back(tmp_path, file_format):
    for number in range(40):
        kind = ("dog", "cat")[number % 2]
        write(tmp_path / "photos" / kind / f"é{number}.png", number)
    source = open_source(str(tmp_path / "photos"))
    prepared = prepare(
        source,
        str(tmp_path / "out"),
        file_format=file_format,
        shard_bytes=3000,
        progress=False,
    )
    assert prepared.num_examples == 40
    assert prepared.bad == []
    shards = sorted((tmp_path / "out").glob(f"*.{file_format}"))
    assert len(shards) == prepared.num_shards > 3
    assert sum(path.stat().st_size for path in shards) == prepared.num_bytes
    for spec in (
        str(tmp_path / "out"),
        f"{file_format}:{tmp_path}/out",
        f"{file_format}:{tmp_path}/out/*.{file_format}",
    ):
        packed = open_source(spec)
        assert len(packed) == 40
        assert packed.class_names == ["cat", "dog"]
        np.testing.assert_array_equal(packed.labels, source.labels)
        for index in range(40):
            assert packed.id(index) == source.id(index)
            assert packed.read(index) == source.read(index)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_part_of_the_shards(tmp_path, file_format):
    source = ListSource([encoded(i) for i in range(20)], labels=range(20))
    prepare(
        source,
        str(tmp_path / "out"),
        file_format=file_format,
        shard_bytes=2000,
        progress=False,
    )
    packed = open_source(f"{file_format}:{tmp_path}/out/images-00001.*")
    assert 0 < len(packed) < 20
    first = packed.labels[0]
    assert packed.id(0) == f"item/{first}"
    assert packed.read(0) == encoded(first)


def test_tensorflow_reads_the_shards(tmp_path):
    source = ListSource([encoded(i) for i in range(3)], labels=[5, -1, 7])
    prepare(
        source, str(tmp_path / "out"), file_format="tfrecord", progress=False
    )
    records = tf.data.TFRecordDataset(
        str(tmp_path / "out/images-00000.tfrecord")
    )
    examples = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in records
    ]
    for index, example in enumerate(examples):
        assert example["image"].bytes_list.value[0] == encoded(index)
        assert example["id"].bytes_list.value[0] == f"item/{index}".encode()
    assert examples[0]["label"].int64_list.value[0] == 5
    assert "label" not in examples[1]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_index_says_what_a_walk_finds(tmp_path, file_format):
    source = ListSource([encoded(i) for i in range(9)], labels=range(9))
    prepare(
        source, str(tmp_path / "out"), file_format=file_format, progress=False
    )
    path = tmp_path / "out" / f"images-00000.{file_format}"
    beside = tmp_path / "out" / f"images-00000.{file_format}.index"
    data = beside.read_bytes()
    beside.unlink()
    walked = shard_index.index_shard(
        str(path),
        file_format=file_format,
        feature_names=shard_index.FeatureNames(),
    )
    assert walked.to_bytes() == data


def test_an_index_of_another_shard_is_not_used(tmp_path):
    for folder, count in (("a", 3), ("b", 4)):
        prepare(
            ListSource([encoded(i) for i in range(count)], labels=range(count)),
            str(tmp_path / folder),
            file_format="tfrecord",
            progress=False,
        )
    name = "images-00000.tfrecord"
    os.replace(tmp_path / "b" / name, tmp_path / "a" / name)
    mixed = open_source(f"tfrecord:{tmp_path}/a/{name}")
    assert mixed.labels.tolist() == [0, 1, 2, 3]
    assert mixed.read(3) == encoded(3)


def test_bad_images_are_left_out_and_listed(tmp_path):
    items = [encoded(0), b"", encoded(2), encoded(3)[:-60], encoded(4), b"x"]
    prepared = prepare(ListSource(items), str(tmp_path / "out"), progress=False)
    assert prepared.num_examples == 3
    assert [name for name, _ in prepared.bad] == ["item/1", "item/3", "item/5"]
    with open(tmp_path / "out" / "bad.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1:] == [list(row) for row in prepared.bad]
    packed = open_source(str(tmp_path / "out"))
    assert [packed.id(i) for i in range(3)] == ["item/0", "item/2", "item/4"]
    assert packed.labels is None


def test_shards_keep_to_their_size(tmp_path):
    sizes = [(20, 20), (20, 20), (60, 60), (20, 20)]
    source = ListSource([encoded(i, size=s) for i, s in enumerate(sizes)])
    prepare(source, str(tmp_path / "out"), shard_bytes=4000, progress=False)
    assert len(list((tmp_path / "out").glob("*.arrayrecord"))) == 3


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from simclr.data.shards.prepare import prepare
    from tests.images import ListSource, encoded

    class Deadly(ListSource):
        def read(self, index):
            if index == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().read(index)

    items = [encoded(i) if i % 7 else b"bad" for i in range(120)]
    source = Deadly(items, labels=range(120))
    prepare(source, sys.argv[1], shard_bytes=4000, progress=False)
    """
)


def test_killed_and_run_again_is_the_same_as_not_killed(tmp_path):
    def run(folder, deadly):
        command = [sys.executable, "-c", KILLED, str(tmp_path / folder), deadly]
        return subprocess.run(command, cwd=os.getcwd()).returncode

    assert run("whole", "-1") == 0
    expected = contents(tmp_path / "whole")
    assert "bad.csv" in expected
    # Read-ahead means that the kill comes while an earlier shard is written.
    assert run("killed", "60") == -signal.SIGKILL
    begun = contents(tmp_path / "killed")
    visible = [name for name in begun if name.startswith("images-")]
    assert any(name.endswith(".arrayrecord") for name in visible)
    for name in visible:  # Whole or not there.
        assert begun[name] == expected[name]
    with pytest.raises(ValueError, match="is not finished: run the same"):
        open_source(str(tmp_path / "killed"))
    (tmp_path / "killed" / ".writing-abc").write_bytes(b"torn")
    assert run("killed", "110") == -signal.SIGKILL
    assert run("killed", "-1") == 0
    assert contents(tmp_path / "killed") == expected
    assert run("killed", "-1") == 0  # Nothing left to do.
    assert contents(tmp_path / "killed") == expected


def test_a_folder_with_something_else_is_refused(tmp_path):
    source = ListSource([encoded(i) for i in range(4)], labels=[0, 1, 0, 1])
    out = tmp_path / "out"
    prepare(source, str(out), progress=False)
    before = contents(out)
    other = ListSource([encoded(0)])
    relabelled = ListSource([encoded(0)] * 4, labels=[1, 1, 0, 1])
    for changed, options, what in (
        (other, {}, "fingerprint"),
        (relabelled, {}, "labels"),
        (source, {"file_format": "tfrecord"}, "file format"),
        (source, {"shard_bytes": 7}, "shard bytes"),
    ):
        with pytest.raises(ValueError, match=f"begun with another {what}"):
            prepare(changed, str(out), progress=False, **options)
    assert contents(out) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="holds other files"):
        prepare(source, str(tmp_path / "mine"), progress=False)


def test_a_folder_that_another_process_prepares(tmp_path):
    source = ListSource([encoded(0)])
    out = str(tmp_path / "out")
    os.makedirs(out)
    with (
        locked(out, "", name=""),
        pytest.raises(
            ValueError, match=r"Another process prepares .*out; wait"
        ),
    ):
        prepare(source, out, progress=False)
    assert os.listdir(out) == []
    assert prepare(source, out, progress=False).num_examples == 1


def test_bad_arguments(tmp_path):
    source = ListSource([b""])
    out = str(tmp_path / "out")
    with pytest.raises(ValueError, match="file_format is 'zip'"):
        prepare(source, out, file_format="zip", progress=False)
    with pytest.raises(ValueError, match="shard_bytes is 0"):
        prepare(source, out, shard_bytes=0, progress=False)
    with pytest.raises(ValueError, match="written to a local folder"):
        prepare(source, "gs://bucket/x", progress=False)
    with pytest.raises(ValueError, match="not one of 1 images can be read"):
        prepare(source, out, progress=False)
