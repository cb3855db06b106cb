"""Vectors in shards: resumed after a kill, refused where they are of others."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.inference import DTYPES, features, shard_writer, shards
from simclr.messages.errors import InputError, Stopped

SIZE = 8


@pytest.fixture
def photos(tmp_path):
    """Twenty-three images; the fifth and the last cannot be read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(23):
        image = rng.integers(0, 256, [*rng.integers(9, 20, 2), 3], np.uint8)
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    for i in (5, 22):
        (folder / f"{i:02d}.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    return str(folder)


def mean(x):
    return x.mean(axis=(1, 2))


def write(folder, photos, encoder=mean, **changes):
    given = {
        "of": {"step": 3},
        "image_size": SIZE,
        "dtype": "float32",
        "images_per_shard": 4,
        "progress": False,
    } | changes
    reader = Reader(open_source(photos))
    return shard_writer.write_shards(str(folder), encoder, reader, **given)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_are_those_of_embed(photos, tmp_path, dtype):
    found = write(tmp_path / "v", photos, dtype=dtype)
    vectors, ids = found.load()
    reader = Reader(open_source(photos))
    rows, h = features.embed(mean, reader, image_size=SIZE, progress=False)
    assert vectors.dtype == dtype and len(ids) == 21
    np.testing.assert_array_equal(vectors, h.astype(dtype))
    assert ids == [reader.source.id(row) for row in rows]
    assert found.unreadable() == reader.bad
    assert set(reader.bad) == {"05.png", "22.png"}
    assert found.manifest["shards"] == 6 and found.manifest["step"] == 3
    # Without us: NumPy and JSON alone.
    one = np.load(tmp_path / "v" / "00001.npy", allow_pickle=False)
    with open(tmp_path / "v" / "00001.json") as file:
        assert json.load(file)["ids"] == ["04.png", "06.png", "07.png"]
    np.testing.assert_array_equal(one, h[4:7].astype(dtype))


def test_a_second_run_completes_what_a_kill_left(photos, tmp_path):
    """To the same bytes, and only what is missing is computed."""
    write(tmp_path / "whole", photos)
    left = 3

    def killed(x):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return mean(x)

    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        write(folder, photos, killed)
    assert sorted(p.name for p in folder.glob("*.npy")) == [
        "00000.npy",
        "00001.npy",
        "00002.npy",
    ]
    with pytest.raises(ValueError, match="lacks 3 of 6 shards"):
        shards.read_shards(str(folder))
    # Of a shard whose ids were written, and its vectors not yet.
    (folder / "00003.json").write_text("{}")
    (folder / ".writing-1-00003.npy").write_bytes(b"half")
    seen = []
    write(folder, photos, lambda x: seen.append(len(x)) or mean(x))
    assert seen == [4, 4, 3]
    assert contents(folder) == contents(tmp_path / "whole")
    write(folder, photos, lambda x: pytest.fail("nothing is missing"))


def test_a_shard_under_way_is_given_up_when_a_stop_is_asked_for(
    photos, tmp_path
):
    seen = []
    with pytest.raises(Stopped, match="SIGTERM"):
        write(
            tmp_path / "parts",
            photos,
            lambda x: seen.append(len(x)) or mean(x),
            asked=lambda: "SIGTERM" if len(seen) == 3 else "",
        )
    assert len(list((tmp_path / "parts").glob("*.npy"))) == 2
    write(tmp_path / "parts", photos)
    write(tmp_path / "whole", photos)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"of": {"step": 4}}, "step 3, not 4"),
        ({"image_size": 9}, "image_size 8, not 9"),
        ({"dtype": "float16"}, "dtype float32, not float16"),
        ({"images": "one more"}, "images 23, not 24"),
        ({"images": "renamed"}, "fingerprint"),
    ],
)
def test_other_vectors_are_refused(photos, tmp_path, changes, message):
    write(tmp_path / "v", photos)
    before = contents(tmp_path / "v")
    images = changes.pop("images", "")
    first = os.path.join(photos, "00.png")
    if images == "renamed":
        os.rename(first, os.path.join(photos, "0.png"))
    if images == "one more":
        Image.open(first).save(os.path.join(photos, "99.png"))
    with pytest.raises(ValueError, match=f"holds other vectors.*{message}"):
        write(tmp_path / "v", photos, **changes)
    assert contents(tmp_path / "v") == before


def test_a_folder_of_something_else_is_refused(photos, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="holds something else"):
        write(tmp_path / "v", photos)
    with pytest.raises(ValueError, match="holds no vectors"):
        shards.read_shards(str(tmp_path / "v"))


def test_a_kill_while_the_manifest_was_written(photos, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / ".writing-0123-manifest.json").write_text("{")
    write(tmp_path / "v", photos)
    assert not list((tmp_path / "v").glob(".writing-*"))


@pytest.mark.parametrize("damage", ["empty", "cut", "no numbers", "ids"])
def test_a_damaged_shard_is_not_there(photos, tmp_path, damage):
    """Where it is read an error of one line; embedding makes it again."""
    write(tmp_path / "v", photos)
    before = contents(tmp_path / "v")
    vectors, ids = tmp_path / "v" / "00002.npy", tmp_path / "v" / "00002.json"
    if damage == "ids":
        ids.write_text("[" * 99999)
    else:
        whole = vectors.read_bytes()
        half = {"empty": b"", "cut": whole[:-8], "no numbers": b"x" * 200}
        vectors.write_bytes(half[damage])
    with pytest.raises(InputError, match="lacks 1 of 6 shards"):
        shards.read_shards(str(tmp_path / "v"))
    seen = []
    write(tmp_path / "v", photos, lambda x: seen.append(len(x)) or mean(x))
    assert seen == [4] and contents(tmp_path / "v") == before


@pytest.mark.parametrize("text", ["{", "[" * 99999, "", "[]", "{}"])
def test_a_damaged_manifest_is_a_line(photos, tmp_path, text):
    write(tmp_path / "v", photos)
    (tmp_path / "v" / "manifest.json").write_text(text)
    with pytest.raises(InputError):
        shards.read_shards(str(tmp_path / "v"))
    with pytest.raises(InputError):
        write(tmp_path / "v", photos)


def test_home_is_found(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write("~/v", photos)
    assert contents(tmp_path / "v") and not os.path.exists("~")
    assert len(shards.read_shards("~/v").load()[1]) == 21


def test_what_float16_does_not_hold(photos, tmp_path):
    with pytest.raises(ValueError, match="choose float32"):
        write(tmp_path / "v", photos, lambda x: 1e6 * mean(x), dtype="float16")


def test_a_shard_without_a_readable_image(photos, tmp_path):
    for i in range(4, 8):
        with open(os.path.join(photos, f"{i:02d}.png"), "wb"):
            pass
    found = write(tmp_path / "v", photos)
    vectors, ids = found.load()
    assert len(vectors) == len(ids) == 18 and "04.png" not in ids
    assert found.unreadable()["04.png"] == "empty file"


def test_a_net_has_a_fingerprint():
    import keras

    def net(value):
        layer = keras.layers.Dense(
            2, name="d", kernel_initializer=keras.initializers.Constant(value)
        )
        return keras.Sequential([keras.Input([3]), layer])

    assert shard_writer.digest(net(1.0)) == shard_writer.digest(net(1.0))
    assert shard_writer.digest(net(1.0)) != shard_writer.digest(net(2.0))
