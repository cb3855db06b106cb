"""Batches: the same pixels from any step on, on any number of replicas."""

import gc
import uuid
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.data.experimental.ops import iterator_model_ops

from simclr.config import Augment
from simclr.data import batches
from simclr.data.images.reader import Reader
from simclr.data.shards.prepare import prepare
from simclr.data.sources.registry import open_source
from simclr.data.views import colour
from simclr.data.views.rooms import Rooms
from simclr.engines import inputs
from tests.conftest import four_replicas
from tests.images import ListSource, encoded

ONE = tf.distribute.get_strategy
NUM, SIZE = 40, 16


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def reader():
    return Reader(
        ListSource([encoded(i) for i in range(NUM)], labels=range(NUM))
    )


def steps(source, strategy, first, last, *, on_device=False, batch_size=8):
    """Global batches of steps first .. last - 1: dicts of arrays."""
    datasets = batches.training_batches(
        source,
        replicas=strategy.num_replicas_in_sync,
        seed=5,
        batch_size=batch_size,
        image_size=SIZE,
        augment=Augment(solarize_probs=(0.5, 0.0)),
        on_device=on_device,
        first_step=first,
        last_step=last,
    )

    def whole(x):
        return np.concatenate(strategy.experimental_local_results(x))

    with inputs.of_replicas(datasets, strategy) as made:
        taken = [
            inputs.take(made.iterators, strategy) for _ in range(first, last)
        ]
    return [tf.nest.map_structure(whole, batch) for batch in taken]


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other)):
        np.testing.assert_array_equal(a, b)


def test_any_step_can_be_the_first():
    assert_equal(steps(reader(), ONE(), 0, 9)[4:], steps(reader(), ONE(), 4, 9))


def test_views_to_look_at_are_those_of_that_step():
    [batch] = steps(reader(), ONE(), 7, 8)
    views = batches.sample_views(
        reader(),
        seed=5,
        step=7,
        count=8,
        image_size=SIZE,
        augment=Augment(solarize_probs=(0.5, 0.0)),
    )
    assert_equal([batch["view1"], batch["view2"]], views)


@pytest.mark.parametrize("on_device", [False, True])
def test_replicas_share_the_global_batch(on_device):
    one = steps(reader(), ONE(), 3, 6, on_device=on_device)
    four = steps(reader(), four_replicas(), 3, 6, on_device=on_device)
    assert one[0]["view1"].shape == (8, SIZE, SIZE, 3)
    assert one[0]["view1"].dtype == (np.uint8 if on_device else np.float32)
    assert_equal(one, four)


def test_colour_left_to_the_device_is_the_colour_of_the_host():
    [host] = steps(reader(), ONE(), 2, 3)
    [raw] = steps(reader(), ONE(), 2, 3, on_device=True)
    raw = tf.nest.map_structure(tf.constant, raw)
    views = colour.colour_views(
        [raw["view1"], raw["view2"]],
        raw["draws"],
        Augment(solarize_probs=(0.5, 0.0)),
    )
    # Rounding may put a pixel on the other side of the solarise threshold.
    for view, other in zip(views, (host["view1"], host["view2"])):
        far = np.abs(view - other) > 1e-5
        assert far.mean() < 1e-3


@pytest.mark.parametrize("on_device", [False, True])
def test_every_shape_is_static(on_device):
    """As XLA and gradient caching take them."""
    datasets = batches.training_batches(
        reader(),
        replicas=1,
        seed=5,
        batch_size=8,
        image_size=SIZE,
        augment=Augment(),
        on_device=on_device,
        first_step=0,
        last_step=1,
    )
    spec = datasets(tf.distribute.InputContext()).element_spec
    for tensor in tf.nest.flatten(spec):
        assert tensor.shape.is_fully_defined(), spec
    assert spec["view1"].shape == [8, SIZE, SIZE, 3]


def test_an_epoch_is_every_image_once_with_its_own_label():
    labels = [batch["label"] for batch in steps(reader(), ONE(), 0, 10)]
    first, second = np.split(np.concatenate(labels), 2)
    assert sorted(first) == sorted(second) == list(range(NUM))
    assert first.tolist() != second.tolist()


def test_views_do_not_repeat_from_epoch_to_epoch():
    data = Reader(ListSource([encoded(0)] * 8))
    views = np.concatenate([b["view1"] for b in steps(data, ONE(), 0, 4)])
    assert len(np.unique(views.reshape(len(views), -1), axis=0)) == len(views)


def test_remote_shards_are_read_in_blocks_and_resume(tmp_path):
    """ram:// takes the same way through tf.io.gfile as gs://."""
    source = ListSource([encoded(i) for i in range(NUM)], labels=range(NUM))
    prepare(source, str(tmp_path), file_format="tfrecord", progress=False)
    folder = f"ram://{uuid.uuid4()}"
    tf.io.gfile.makedirs(folder)
    for path in tmp_path.glob("images-*"):
        tf.io.gfile.copy(str(path), f"{folder}/{path.name}")
    remote = open_source(f"tfrecord:{folder}")
    remote.block_size = 4  # By its own account, all of it.

    whole = steps(Reader(remote), ONE(), 0, 10)
    assert_equal(whole[7:], steps(Reader(remote), ONE(), 7, 10))
    first, second = np.split(np.concatenate([b["label"] for b in whole]), 2)
    assert sorted(first) == sorted(second) == list(range(NUM))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize(
    ("batch_size", "replicas", "message"),
    [(6, 4, "does not divide by 4"), (48, 1, "more than the 40 images")],
)
def test_batches_that_cannot_be(batch_size, replicas, message):
    strategy = four_replicas() if replicas == 4 else ONE()
    with pytest.raises(ValueError, match=message):
        steps(reader(), strategy, 0, 1, batch_size=batch_size)


def test_a_run_that_has_ended_keeps_no_image():
    """A study has many runs in one process."""

    def rooms():
        gc.collect()
        return sum(isinstance(x, Rooms) for x in gc.get_objects())

    before, data = rooms(), reader()
    steps(data, ONE(), 0, 2)
    held = weakref.ref(data)
    del data
    assert rooms() == before and held() is None


def test_no_thread_tunes_the_batches(strategy):
    """Its sleep, up to a minute, would hold up the end of the process."""
    datasets = batches.training_batches(
        reader(),
        replicas=strategy.num_replicas_in_sync,
        seed=5,
        batch_size=8,
        image_size=SIZE,
        augment=Augment(),
        on_device=True,
        first_step=0,
        last_step=9,
    )
    with inputs.of_replicas(datasets, strategy) as made:
        # As GPUs have it.
        device = tf.config.list_logical_devices("CPU")[1].name
        whole = datasets(tf.distribute.InputContext())
        for iterator in [*made.iterators, inputs.ahead(whole, device)]:
            next(iterator)
            with pytest.raises(tf.errors.NotFoundError, match="autotune"):
                iterator_model_ops.get_model_proto(iterator)
        del iterator
    assert made.iterators == []
