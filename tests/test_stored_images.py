"""Images that live on the devices: which, when, and the views cut there."""

import dataclasses
import os
import types

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Augment, Train
from simclr.data import batches, stored_batches
from simclr.data.images import image_array
from simclr.data.images.reader import Reader
from simclr.data.views import colour, device_views
from simclr.engines import image_place, inputs, memory
from simclr.engines.stored_images import StoredImages
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training import loop
from simclr.training.tasks import pretrain
from tests import killed, tiny, tiny_step
from tests.conftest import four_replicas
from tests.images import ListSource, encoded, write
from tests.test_training import final_arrays, losses, rows

ONE = tf.distribute.get_strategy
NUM, SIZE, BATCH = 40, 16, 8
CONFIG = dataclasses.replace(
    tiny.CONFIG,
    seed=5,
    batch_size=BATCH,
    # What compiles in no time; the runs below have the others.
    augment=Augment(
        jitter_prob=0.0, blur_probs=(0.0, 0.0), solarize_probs=(0.5, 0.0)
    ),
)


def reader(num=NUM, **options):
    images = [encoded(i, **options) for i in range(num)]
    return Reader(ListSource(images, labels=range(num)))


def stored(source):
    """Its images [m, S, S, 3], and their rows."""
    side, _ = image_array.side_for(source, SIZE)
    return image_array.load(source, side=side, view=SIZE)


def global_batches(source, strategy, first, last, *, views=False):
    """Batches of steps first .. last - 1 of all replicas, dicts of arrays.

    With `views` these, in place of what they are cut out by.
    """
    images, kept = stored(source)
    datasets = stored_batches.stored_batches(
        source,
        kept,
        replicas=strategy.num_replicas_in_sync,
        seed=5,
        batch_size=BATCH,
        first_step=first,
        last_step=last,
    )
    task = types.SimpleNamespace(config=CONFIG, views=2)
    on_devices = StoredImages(images, task, strategy)

    @tf.function(autograph=False)
    def batch(iterators):
        found = inputs.take(iterators, strategy)
        return on_devices.views(found) if views else found

    def whole(x):
        parts = strategy.experimental_local_results(x)
        return np.concatenate([np.atleast_1d(part) for part in parts])

    with inputs.of_replicas(datasets, strategy) as ready:
        taken = [batch(ready.iterators) for _ in range(first, last)]
    return [tf.nest.map_structure(whole, found) for found in taken]


def of_the_host(source, first, last, *, on_device):
    """The same steps as the host makes them."""
    return batches.training_batches(
        source,
        replicas=1,
        seed=5,
        batch_size=BATCH,
        image_size=SIZE,
        augment=CONFIG.augment,
        on_device=on_device,
        first_step=first,
        last_step=last,
    )(tf.distribute.InputContext())


def test_order_and_labels_are_those_of_the_host():
    ours = global_batches(reader(), ONE(), 3, 9)
    host = of_the_host(reader(), 3, 9, on_device=True)
    for step, (batch, same) in enumerate(zip(ours, host, strict=True), 3):
        np.testing.assert_array_equal(batch["row"], same["label"])
        for name in ("label", "replaced"):
            np.testing.assert_array_equal(batch[name], same[name])
        assert batch["step"].tolist() == [step]


def test_replicas_share_the_global_batch():
    """And any step can be the first: it is what resuming needs."""
    one = global_batches(reader(), ONE(), 3, 7, views=True)
    four = global_batches(reader(), four_replicas(), 5, 7, views=True)
    [host] = of_the_host(reader(), 3, 4, on_device=False)
    assert one[0].keys() == host.keys()
    assert one[0]["view1"].dtype == host["view1"].dtype == tf.float32
    assert one[0]["view1"].shape == host["view1"].shape
    for batch, same in zip(one[2:], four, strict=True):
        for name in batch:
            np.testing.assert_array_equal(batch[name], same[name])


def test_views_are_those_of_crops_and_colours_tested_elsewhere():
    """test_device_crop.py holds boxes and pixels against the host's."""
    images, kept = stored(reader())
    [batch] = global_batches(reader(), ONE(), 4, 5, views=True)
    [host] = of_the_host(reader(), 4, 5, on_device=True)
    row = batch["label"]  # Every image has its number for a label.
    cut = device_views.with_views(
        {
            "images": tf.constant(images[row]),
            "extents": tf.constant(kept.extents[row]),
            "step": tf.constant(4, tf.int64),
        },
        first_row=tf.constant(0),
        seed=5,
        batch_size=BATCH,
        size=SIZE,
        views=CONFIG.augment.views,
        count=2,
    )
    for name, x in cut["draws"].items():
        np.testing.assert_array_equal(x, host["draws"][name])
    views = colour.colour_views(
        [cut["view1"], cut["view2"]], cut["draws"], CONFIG.augment
    )
    for name, view in zip(("view1", "view2"), views, strict=True):
        # Half-way values may be rounded either way before they are coloured.
        far = np.abs(batch[name] - view.numpy()) > 1e-5
        assert far.mean() < 0.02 and batch[name].std() > 0.1


def test_an_image_takes_the_place_of_an_unreadable_one():
    items = [encoded(i) for i in range(6)]
    items[2] = items[2][:40]
    source = Reader(ListSource(items, labels=range(6)))
    images, kept = stored(source)
    np.testing.assert_array_equal(images[2], images[3])
    assert kept.found.tolist() == kept.label.tolist() == [0, 1, 3, 3, 4, 5]
    assert kept.replaced.tolist() == [0, 0, 1, 0, 0, 0]
    assert list(source.bad) == ["item/2"]


def test_the_side_is_the_largest_image_up_to_one_and_a_half_views():
    source = reader(9, size=(30, 20))
    assert image_array.side_for(source, 24) == (30, True)
    assert image_array.side_for(source, 16) == (24, False)
    images, kept = image_array.load(source, side=24, view=16)
    assert images.shape == (9, 24, 24, 3)
    assert kept.extents.tolist() == [[16, 24]] * 9
    assert kept.reduced.all()


def photos_of(folder, **data):
    config = tiny.config(folder)
    return dataclasses.replace(
        config, data=dataclasses.replace(config.data, **data)
    )


@pytest.fixture
def gpu(monkeypatch):
    """A device that is an accelerator, by its own account, of 1 MB."""
    monkeypatch.setattr(image_place, "is_accelerator", lambda strategy: True)
    monkeypatch.setattr(memory, "of_device", lambda strategy: 1e6)


def side(source, workdir="nowhere", **data):
    config = photos_of("", **data)
    return image_place.stored_side(config, source, ONE(), workdir)


def test_the_host_keeps_the_images_of_a_cpu():
    assert side(reader()) == 0


def test_auto_takes_what_fits_and_need_not_be_reduced(gpu):
    # 12 pixels: 17 kB, of the quarter of a million that there is.
    assert side(reader()) == 12
    assert side(reader(), place="host") == 0
    assert side(reader(), device_share=0.01) == 0
    assert side(reader(9, size=(30, 20))) == 0  # A view has 16 pixels.
    assert side(reader(9, size=(30, 20)), stored_size=20) == 20
    assert side(reader(9, size=(30, 20)), place="device") == 24


def test_auto_leaves_what_is_coloured_on_the_host_there(gpu):
    config = dataclasses.replace(photos_of(""), augment=Augment(place="host"))
    assert image_place.stored_side(config, reader(), ONE(), "nowhere") == 0


@pytest.mark.parametrize(
    ("data", "augment", "message"),
    [
        ({"place": "gpu"}, {}, "choose one of auto, host, device"),
        ({"device_share": 1.5}, {}, r"must lie in \[0, 1\]"),
        ({"stored_size": -1}, {}, "must be >= 0"),
        ({"place": "device"}, {"place": "host"}, "coloured there"),
    ],
)
def test_settings_that_cannot_be(data, augment, message):
    config = dataclasses.replace(
        photos_of("", **data), augment=Augment(**augment)
    )
    with pytest.raises(ValueError, match=message):
        config_lib.validate(config)


def test_more_than_a_device_has_is_refused(gpu):
    with pytest.raises(ValueError, match=r"0\.003 GB, and a .* 0\.001"):
        side(reader(), place="device", stored_size=158)


def test_a_tpu_of_tensorflow_is_refused(gpu, monkeypatch):
    monkeypatch.setattr(tf.distribute, "TPUStrategy", tf.distribute.Strategy)
    assert side(reader()) == 0
    with pytest.raises(ValueError, match="--engine=pjrt"):
        side(reader(), place="device")


def test_memory_is_what_the_device_says():
    names = inputs.device_names(four_replicas())
    assert len(names) == 4
    limits = memory.tensorflow_limits()
    assert all(limits[name] > 0 for name in names)
    assert memory.of_device(ONE()) > 1 << 30  # The machine's.


def test_a_run_keeps_its_place(tmp_path, gpu):
    """It began on the host, or before there was a choice."""
    workdir = str(tmp_path)
    run_folder.write(workdir, "run.json", "{}")
    os.mkdir(run_folder.checkpoints(workdir))
    checkpoint.save(run_folder.checkpoints(workdir), 1, {}, keep=1)
    assert side(reader(), workdir) == 0
    run_folder.write(workdir, "run.json", '{"stored_side": 12}')
    assert side(reader(9, size=(30, 20)), workdir) == 12


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tiny.write_photos(tmp_path_factory.mktemp("photos"))
    write(folder / "cat" / "000.png")
    (folder / "dog" / "001.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def small_encoder(monkeypatch):
    monkeypatch.setattr(pretrain, "build_encoder", tiny_step.build_encoder)


def run_config(photos, **changes):
    return dataclasses.replace(
        photos_of(photos, place="device", max_bad_share=0.1), **changes
    )


def test_stops_and_resumes_to_the_same_bits(
    photos, tmp_path, capsys, small_encoder
):
    config = run_config(
        photos,
        epochs=2,
        augment=CONFIG.augment,
        train=Train(log_steps=2, eval_epochs=0),
    )
    whole, run = (str(tmp_path / name) for name in ("whole", "run"))
    at_6 = killed.copied(whole, 6, run)
    assert loop.train(config, whole, ONE(), callbacks=at_6) == ""
    said = capsys.readouterr().err
    assert "64 images of 24 pixels on each device, 0.000111 GB" in said
    assert "63 were larger and are reduced" in said
    assert run_folder.read_facts(whole)["stored_side"] == 24
    with open(f"{whole}/unreadable_images.tsv") as file:
        assert file.read().startswith("dog/001.png\t")
    assert any(row.get("replaced") for row in rows(whole))

    assert loop.train(config, run, ONE()) == ""
    assert rows(run) == rows(whole)
    for name, array in final_arrays(whole).items():
        np.testing.assert_array_equal(final_arrays(run)[name], array)


@pytest.mark.slow
def test_four_replicas_follow_one(photos, tmp_path, small_encoder):
    config = run_config(
        photos,
        train=Train(precision="float64", log_steps=1, eval_epochs=0),
        optimizer=dataclasses.replace(tiny.CONFIG.optimizer, base_lr=0.1),
    )
    loop.train(config, str(tmp_path / "one"), ONE())
    loop.train(config, str(tmp_path / "four"), four_replicas())
    one, four = losses(tmp_path / "one"), losses(tmp_path / "four")
    assert len(one) == 17
    np.testing.assert_allclose(one, four, rtol=1e-9)
