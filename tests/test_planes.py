"""Planes beside the colours, from the source to the score."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.commands.explore.embed import embed
from simclr.commands.train.pretrain import pretrain
from simclr.commands.use.evaluate import evaluate
from simclr.config import Augment, Model
from simclr.data import batches
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import absolute, open_source
from simclr.data.sources.subset import Subset
from simclr.data.sources.synthetic.rand_bits import RandBits
from simclr.models.backbones import build_encoder
from tests import tiny
from tests.images import ListSource, encoded

K = 2


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("planes") / "photos")


def test_bits_are_an_images_own_and_stay(photos):
    source = open_source(f"synthetic:randbits?bits=20&images={photos}")
    bits = np.array([source.planes(i) for i in range(len(source))])
    assert (bits.dtype, bits.shape) == (np.float32, (64, 20))
    assert set(np.unique(bits)) == {0.0, 1.0}
    assert len(np.unique(bits, axis=0)) == 64
    other = open_source(f"synthetic:randbits?bits=20&seed=1&images={photos}")
    assert (other.planes(0) != bits[0]).any()
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(bits.size)
    plain = open_source(str(photos))
    assert source.fingerprint() == plain.fingerprint()
    assert source.read(3) == plain.read(3)
    assert source.class_names == plain.class_names
    some = Subset(source, np.array([5, 9]))
    assert some.num_planes == 20
    np.testing.assert_array_equal(some.planes(1), source.planes(9))
    assert plain.num_planes == 0 and plain.planes(3).shape == (0,)


def test_the_images_within_are_found_from_anywhere(monkeypatch, photos):
    monkeypatch.chdir(photos.parent)
    words = "synthetic:randbits?bits=2&images="
    assert absolute(f"{words}photos") == f"{words}{photos}"
    assert absolute(f"{words}sample/test") == f"{words}sample/test"
    assert open_source(f"synthetic:randbits?bits=0&images={photos}")


@pytest.mark.parametrize("on_device", [False, True])
def test_batches_bring_the_planes_of_the_image_that_was_loaded(on_device):
    data = [encoded(i) for i in range(16)]
    data[3] = b""
    source = RandBits("bits", images=ListSource(data, labels=range(16)), bits=K)
    augment = Augment(view1="crop, noise, gray", view2="crop")
    numbers = {"image_size": 8, "augment": augment, "on_device": on_device}
    steps = batches.training_batches(
        Reader(source),
        replicas=1,
        seed=0,
        batch_size=16,
        first_step=0,
        last_step=1,
        **numbers,
    )
    batch = next(iter(steps(tf.distribute.InputContext())))
    expected = [source.planes(i) for i in batch["label"].numpy()]
    np.testing.assert_array_equal(batch["planes"], expected)
    assert batch["replaced"].numpy().sum() == 1
    spec = batches.batch_spec(16, planes=K, **numbers)
    tf.nest.assert_same_structure(batch, spec)
    assert spec["planes"].shape == batch["planes"].shape


def test_no_operation_touches_them():
    source = RandBits(
        "bits", images=ListSource([encoded(i) for i in range(8)]), bits=K
    )
    for view in batches.sample_views(
        Reader(source),
        seed=0,
        step=0,
        count=8,
        image_size=8,
        augment=Augment(view1="crop, noise, cutout", view2="crop, rotate"),
    ):
        assert view.shape == (8, 8, 8, 3 + K)
        assert set(np.unique(view[..., 3:])) == {0.0, 1.0}
        assert (view[:, :1, :1, 3:] == view[..., 3:]).all()
        assert len(np.unique(view[..., :3])) > 100


@pytest.mark.parametrize("normalization", ["imagenet", "caffe"])
def test_the_stem_takes_them_as_they_are(normalization):
    model = Model(depth=10, width=0.125, stem="cifar", extra_planes=K)
    model = dataclasses.replace(model, normalization=normalization)
    net = build_encoder(model)
    assert net.input_shape == (None, None, None, 3 + K)
    [scale] = [x for x in net.layers if x.name == "normalization"]
    images = np.random.default_rng(0).random([1, 8, 8, 3 + K], np.float32)
    np.testing.assert_allclose(scale(images)[..., 3:], images[..., 3:])
    with pytest.raises(ValueError, match=r"extra_planes is not for vit_small"):
        config_lib.override(
            config_lib.Config(),
            ["model.name=vit_small", "model.extra_planes=2"],
        )


@pytest.mark.slow
def test_a_run_from_pretraining_to_vectors(photos, tmp_path):
    """The step adds them to the views that it works on itself."""
    data = f"synthetic:randbits?bits={K}&images={photos}"
    model = dataclasses.replace(tiny.CONFIG.model, extra_planes=K)
    config = tiny.config(
        photos,
        model=model,
        epochs=1,
        augment=Augment(place="device", view2="crop, sobel"),
    )
    run = pretrain(config, data=data, workdir=str(tmp_path / "run"), quiet=True)
    assert not run.stopped
    assert (tmp_path / "run/views.png").exists()
    results = evaluate(run.workdir, quiet=True)
    assert results["rows"][-1]["name"] == "trained encoder"
    assert {"knn_top1", "rank"} & set(results["rows"][-1])
    found = embed(run.workdir, data, out=str(tmp_path / "v"), quiet=True)
    assert (found.new, found.rows) == (64, 64)
    with pytest.raises(ValueError, match="3 channels and the net takes 5"):
        embed(run.workdir, str(photos), out=str(tmp_path / "w"), quiet=True)


def test_a_net_for_other_planes_is_refused_before_the_first_step(
    photos, tmp_path
):
    for given, planes in (
        (f"synthetic:randbits?bits=3&images={photos}", 3),
        (str(photos), 0),
    ):
        model = dataclasses.replace(tiny.CONFIG.model, extra_planes=K)
        config = tiny.config(photos, model=model)
        with pytest.raises(ValueError, match=f"extra_planes={planes}, not 2"):
            pretrain(
                config, data=given, workdir=str(tmp_path / "run"), quiet=True
            )
    assert not (tmp_path / "run").exists()
