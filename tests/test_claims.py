"""What files claim: their checksums are looked at, their sizes bounded."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from simclr.data.images import check
from simclr.data.images.decode import decode
from simclr.data.images.reader import Reader
from simclr.data.shards import crc32c, example, index, tfrecord
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.messages.errors import InputError
from tests.images import as_file, encoded, write


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def record(data):
    """A record of a TFRecord file."""
    size = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", crc32c.masked(x)) for x in (size, data)]
    return size + checks[0] + data + checks[1]


def write_records(path, labels):
    """A TFRecord file with an image for each label; returns its bytes."""
    examples = (
        example.serialize({"image": encoded(i), "label": label})
        for i, label in enumerate(labels)
    )
    data = b"".join(map(record, examples))
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 259, 4096, 99_999])
def test_the_checksum_is_that_of_the_book(size):
    data = np.random.default_rng(size).bytes(size)
    state = 0xFFFFFFFF  # RFC 3720, bit by bit.
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    crc = state ^ 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert crc32c.masked(data) == masked


def test_a_byte_that_was_turned_is_an_unreadable_image(tmp_path):
    path = tmp_path / "a.tfrecord"
    data = bytearray(write_records(path, range(5)))
    source = open_source(f"tfrecord:{path}")
    place = bytes(data).index(encoded(2)) + len(encoded(2)) - 1  # Of "IEND".
    data[place] ^= 1
    path.write_bytes(data)
    bad = check.check(source, progress=False)
    reason = "damaged: its record's checksum differs"
    assert bad == [(source.id(2), reason)]
    reader = Reader(source)
    assert [reader.load(i)[1] for i in range(5)] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("label", [200_000_000, 1 << 40, -2, -(1 << 40)])
def test_a_label_that_is_no_class_is_named(tmp_path, label):
    path = tmp_path / "a.tfrecord"
    write_records(path, [0, 1, label])
    with pytest.raises(InputError, match=f"a.tfrecord, record 2: .*{label:,}"):
        open_source(f"tfrecord:{path}")


def claims(path, **changes):
    """Writes an index beside a shard that says something else of it."""
    true = index.index_shard(
        str(path), file_format="tfrecord", feature_names=index.FeatureNames()
    )
    own = {
        name: getattr(true, name)
        for name in (
            *("offsets", "sizes", "labels", "id_bytes", "id_ends"),
            "class_bytes",
        )
    }
    claimed = index.ShardIndex(
        **{**own, "num_bytes": true.num_bytes, **changes}
    )
    path.with_name(path.name + index.SUFFIX).write_bytes(claimed.to_bytes())


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": np.zeros([1000]), "sizes": np.full([1000], 9)},
        {"labels": np.full([24], 200_000_000)},
        {"labels": np.full([24], -5)},
        {"sizes": np.full([24], 1 << 40)},
        {"offsets": np.zeros([24])},
        {"offsets": np.zeros([24]), "sizes": np.zeros([0])},
        {"id_ends": np.full([24], 1 << 40)},
        {"id_ends": np.zeros([3])},
    ],
)
def test_an_index_that_cannot_be_the_shards_is_not_believed(
    tmp_path, changes, monkeypatch
):
    path = tmp_path / "a.tfrecord"
    write_records(path, range(24))
    claims(path, **changes)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    source = open_source(f"tfrecord:{path}")
    assert list(source.labels) == list(range(24))
    assert [source.read(i) for i in range(24)] == list(map(encoded, range(24)))


def test_an_index_of_more_arrayrecords_than_there_are(tmp_path, monkeypatch):
    for number in range(4):
        write(tmp_path / "photos" / f"{number}.png", number)
    photos = open_source(str(tmp_path / "photos"))
    prepare(photos, str(tmp_path / "out"), progress=False)
    (beside,) = (tmp_path / "out").glob("*.index")
    more = index.make_index(
        num_bytes=beside.with_suffix("").stat().st_size,
        labels=[-1] * 9,
        ids=[b""] * 9,
    )
    beside.write_bytes(more.to_bytes())
    assert len(open_source(str(tmp_path / "out"))) == 4


def test_an_index_that_would_unpack_to_gigabytes(tmp_path, monkeypatch):
    path = tmp_path / "a.tfrecord"
    write_records(path, range(24))
    pack = zlib.compressobj()
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(64))
    bomb += pack.flush()
    path.with_name("a.tfrecord.index").write_bytes(bomb)
    unpacked = []
    parse = index.json_text.parse
    monkeypatch.setattr(
        index.json_text, "parse", lambda x: unpacked.append(len(x)) or parse(x)
    )
    assert len(open_source(f"tfrecord:{path}")) == 24
    assert max(unpacked, default=0) < 1 << 20
    assert list(tfrecord.places([9])[0]) == [12]


def test_a_shard_in_anothers_place_is_indexed_again(tmp_path):
    """Of the same size and time of change."""
    path, other = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"
    write_records(path, [1, 2, 3])
    write_records(other, [7, 8, 9])
    assert list(open_source(f"tfrecord:{path}").labels) == [1, 2, 3]
    stamp = path.stat()
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert other.stat().st_size == stamp.st_size
    other.replace(path)
    assert list(open_source(f"tfrecord:{path}").labels) == [7, 8, 9]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_claims_more_than_its_bytes_hold(mode, progressive):
    file = io.BytesIO()
    image = Image.open(io.BytesIO(encoded(size=(48, 40)))).convert(mode)
    image.save(file, "JPEG", progressive=progressive)
    data = bytearray(file.getvalue())
    frame = bytes(data).index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 6000, 5000)
    with pytest.raises(InputError, match="claims 5000 x 6000 pixels, more"):
        decode(bytes(data))


def test_a_jpeg_of_one_colour_holds_all_its_pixels():
    white = np.full([3000, 3000], 255, np.uint8)
    data = as_file(white, "JPEG", optimize=True)
    assert len(data) < white.size / 100
    assert decode(data).shape == (1500, 1500, 3)
