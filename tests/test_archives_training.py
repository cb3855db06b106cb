"""A run on a Parquet file stops and resumes to the same bits."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from simclr.config import Train
from simclr.training import loop
from tests import killed, tiny
from tests.test_archives import HF, own_cache
from tests.test_training import final_arrays, rows

__all__ = ["own_cache"]  # A fixture.


def packed(path, photos):
    """The photos of a folder in a Parquet file; returns what opens it."""
    files = {
        str(path.relative_to(photos)): path.read_bytes()
        for path in sorted(photos.rglob("*.png"))
    }
    images = [{"bytes": x, "path": name} for name, x in files.items()]
    labels = [int(name.startswith("dog")) for name in files]
    table = pa.table({"image": images, "label": labels})
    told = {b"huggingface": json.dumps(HF).encode()}
    pq.write_table(table.replace_schema_metadata(told), path, row_group_size=5)
    return f"parquet:{path}"


def test_stops_and_resumes_to_the_same_bits(tmp_path):
    photos = tiny.write_photos(tmp_path / "photos")
    spec = packed(tmp_path / "photos.parquet", photos)
    config = tiny.config(
        spec, epochs=2, train=Train(log_steps=2, eval_epochs=0)
    )
    whole, run = (str(tmp_path / name) for name in ("whole", "run"))
    strategy = tf.distribute.get_strategy()
    at_4 = killed.copied(whole, 4, run)
    assert loop.train(config, whole, strategy, callbacks=at_4) == ""
    assert loop.train(config, run, strategy) == ""
    assert rows(run) == rows(whole)
    for name, array in final_arrays(whole).items():
        np.testing.assert_array_equal(final_arrays(run)[name], array)
