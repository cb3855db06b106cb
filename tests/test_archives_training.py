"""Runs on a ZIP, a tar and a Parquet file stop and resume to the same bits."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from simclr.config import Train
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.training import loop
from simclr.training.tasks import pretrain
from tests import killed, tiny, tiny_step
from tests.test_archives import HF, own_cache
from tests.test_batches import assert_equal, steps
from tests.test_training import final_arrays, rows

__all__ = ["own_cache"]  # A fixture.


def zipped(path, photos, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in photos.items():
            archive.writestr(name, data)
    return f"zip:{path}"


def tarred(path, photos):
    with tarfile.open(path, "w") as archive:
        for name, data in photos.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return f"tar:{path}"


def in_samples(path, photos):
    """A shard of WebDataset."""
    members = {}
    for i, (name, data) in enumerate(photos.items()):
        members[f"{i:04}.png"] = data
        members[f"{i:04}.cls"] = str(int(name.startswith("dog"))).encode()
    return tarred(path, members)


def in_table(path, photos):
    """A Parquet file, in row groups of five."""
    images = [{"bytes": x, "path": name} for name, x in photos.items()]
    labels = [int(name.startswith("dog")) for name in photos]
    table = pa.table({"image": images, "label": labels})
    told = {b"huggingface": json.dumps(HF).encode()}
    pq.write_table(table.replace_schema_metadata(told), path, row_group_size=5)
    return f"parquet:{path}"


def spec_of(packed, tmp_path):
    """What opens 64 photos, packed by one of the functions above."""
    folder = tiny.write_photos(tmp_path / "photos")
    photos = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.png"))
    }
    return packed(tmp_path / "packed", photos)


@pytest.mark.parametrize("packed", [zipped, tarred, in_samples, in_table])
def test_any_step_can_be_the_first(packed, tmp_path):
    spec = spec_of(packed, tmp_path)
    strategy = tf.distribute.get_strategy()

    def batches(first):
        reader = Reader(open_source(spec))
        return steps(reader, strategy, first, 12, on_device=True)

    assert_equal(batches(0)[9:], batches(9))


@pytest.mark.parametrize(
    "packed", [in_table, pytest.param(zipped, marks=pytest.mark.slow)]
)
def test_stops_and_resumes_to_the_same_bits(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "build_encoder", tiny_step.build_encoder)
    spec = spec_of(packed, tmp_path)
    config = tiny.config(
        spec, epochs=2, train=Train(log_steps=2, eval_epochs=0)
    )
    whole, run = (str(tmp_path / name) for name in ("whole", "run"))
    strategy = tf.distribute.get_strategy()
    at_6 = killed.copied(whole, 6, run)
    assert loop.train(config, whole, strategy, callbacks=at_6) == ""
    assert loop.train(config, run, strategy) == ""
    assert rows(run) == rows(whole)
    for name, array in final_arrays(whole).items():
        np.testing.assert_array_equal(final_arrays(run)[name], array)
