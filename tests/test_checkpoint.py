"""Checkpoints: whole or not at all, exact, strict on the way in."""

import dataclasses
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training import loop
from tests import tiny


def variables(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "encoder/a": keras.Variable(rng.normal(size=[3, 2]).astype("float32")),
        "optimizer/iterations": keras.Variable(np.int64(7 + seed)),
    }


def test_round_trip_is_exact(tmp_path):
    checkpoint.save(tmp_path, 12, variables())
    step, arrays = checkpoint.read_newest(tmp_path)
    other = variables(seed=1)
    checkpoint.assign(other, arrays)
    assert step == 12
    for name, variable in variables().items():
        np.testing.assert_array_equal(other[name].numpy(), variable.numpy())
        assert other[name].dtype == variable.dtype


def test_keeps_the_newest_and_no_leftovers(tmp_path):
    (tmp_path / ".writing-0123-step_000000001.npz").write_bytes(b"killed")
    for step in (2, 3, 11, 4):
        checkpoint.save(tmp_path, step, variables(), keep=2)
    assert sorted(os.listdir(tmp_path)) == [
        "step_000000004.npz",
        "step_000000011.npz",
    ]


def test_a_killed_run_that_ends_leaves_none_too_many(tmp_path):
    """SIGKILL came when the last was written and the oldest not yet removed."""
    config = tiny.config(
        tiny.write_photos(tmp_path / "photos"),
        train=dataclasses.replace(tiny.CONFIG.train, keep_checkpoints=1),
    )
    run = str(tmp_path / "run")
    one = tf.distribute.get_strategy
    assert loop.train(config, run, one()) == ""
    folder = run_folder.checkpoints(run)
    [newest] = checkpoint.paths(folder)
    shutil.copy(newest, checkpoint.path_of(folder, 1))
    os.remove(os.path.join(run, "finished"))
    assert loop.train(config, run, one()) == ""
    assert checkpoint.paths(folder) == [newest]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    checkpoint.save(tmp_path, 1, variables())
    path = checkpoint.save(tmp_path, 2, variables(seed=1))
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flip":
        # Into the float32 payload, behind the zip and .npy headers.
        at = bytes(data).index(b"\x93NUMPY", 300) + 130
        data[at] ^= 0xFF
    elif damage == "empty":
        data = b""
    else:
        data = b"not a zip"
    with open(path, "wb") as file:
        file.write(data)
    warnings = []
    step, _ = checkpoint.read_newest(tmp_path, warn=warnings.append)
    assert step == 1
    assert len(warnings) == 1 and path in warnings[0]


@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x40])
def test_any_byte_of_the_directory_may_be_damaged(tmp_path, mask):
    """Either the older one is read, or exactly what was saved."""
    checkpoint.save(tmp_path, 1, {"a": np.zeros([2])})
    path = checkpoint.save(tmp_path, 2, {"a": np.ones([3])})
    with open(path, "rb") as file:
        whole = file.read()
    start, passed_over = whole.index(b"PK\x01\x02"), 0
    for place in range(start, len(whole)):
        data = bytearray(whole)
        data[place] ^= mask
        with open(path, "wb") as file:
            file.write(data)
        step, arrays = checkpoint.read_newest(tmp_path, lambda text: None)
        expected = np.zeros([2]) if step == 1 else np.ones([3])
        np.testing.assert_array_equal(arrays["a"], expected)
        passed_over += step == 1
        assert checkpoint.digest(path)
    assert passed_over > (len(whole) - start) / 3


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_again(tmp_path):
    for step in (1, 2):
        with open(checkpoint.save(tmp_path, step, variables()), "wb") as file:
            file.write(b"cut")
    with pytest.raises(ValueError, match="no whole checkpoint is left of 2"):
        checkpoint.read_newest(tmp_path, lambda text: None)


def test_an_archive_that_claims_more_than_it_holds_is_not_unpacked(tmp_path):
    path = checkpoint.path_of(tmp_path, 1)
    with open(path, "wb") as file:
        np.savez_compressed(file, step=1, a=np.zeros([1_000_000]))
    with pytest.raises(ValueError, match=r"it claims 8 MB in 0\.0"):
        checkpoint.read(path)


def test_nothing_there(tmp_path):
    assert checkpoint.read_newest(tmp_path / "none") is None
    assert checkpoint.read_newest(tmp_path) is None


def test_a_crash_while_writing_leaves_the_old_one(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, variables())

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, 2, variables(), keep=1)
    assert checkpoint.read_newest(tmp_path)[0] == 1


def test_assign_tolerates_nothing():
    arrays = {k: v.numpy() for k, v in variables().items()}
    arrays["encoder/b"] = arrays.pop("encoder/a")
    with pytest.raises(ValueError, match=r"a is missing; encoder/b is extra"):
        checkpoint.assign(variables(), arrays)
    arrays = {k: v.numpy() for k, v in variables().items()}
    arrays["encoder/a"] = arrays["encoder/a"].T
    with pytest.raises(ValueError, match=r"shape \(2, 3\), not \(3, 2\)"):
        checkpoint.assign(variables(), arrays)


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "step_000000001.npz"
    np.savez(path, step=1, evil=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        checkpoint.read(path)


def test_names_are_unique():
    encoder = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    named = named_variables(encoder=encoder, head=encoder)
    assert len(named) == 4
    assert all(name.startswith(("encoder/", "head/")) for name in named)
