import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from simclr.data.images.center_crop import center_view
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.evaluation.split import Part
from simclr.inference import features
from simclr.inference.forward import Infer
from simclr.inference.parts import embed_parts

SIZE = 16
READABLE = [i for i in range(11) if i != 3]


@pytest.fixture
def reader(tmp_path):
    """Eleven images of different sizes; the fourth is cut short."""
    rng = np.random.default_rng(0)
    for i in range(11):
        image = rng.integers(0, 256, [*rng.integers(16, 40, 2), 3], np.uint8)
        path = tmp_path / f"{i:02d}.png"
        Image.fromarray(image).save(path)
        if i == 3:
            path.write_bytes(path.read_bytes()[:200])
    return Reader(open_source(str(tmp_path)))


def views(reader):
    return np.stack([center_view(reader.load(i)[0], SIZE) for i in range(11)])


@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_rows_are_in_order_whatever_the_batch(reader, batch_size, num_threads):
    shapes = set()

    def encoder(x):
        shapes.add(x.shape)
        return x.mean(axis=(1, 2))

    rows, h = features.embed(
        encoder,
        reader,
        image_size=SIZE,
        batch_size=batch_size,
        num_threads=num_threads,
        progress=False,
    )
    assert h.dtype == np.float32
    assert rows.tolist() == READABLE and list(reader.bad) == ["03.png"]
    np.testing.assert_array_equal(h, views(reader).mean(axis=(1, 2))[rows])
    assert shapes == {(min(batch_size, 11), SIZE, SIZE, 3)}


def test_some_rows(reader):
    rows, h = features.embed(
        features.raw_pixels,
        reader,
        [7, 2, 3, 7],
        image_size=SIZE,
        progress=False,
    )
    assert rows.tolist() == [7, 2, 7]
    expected = features.raw_pixels(views(reader)[rows])
    np.testing.assert_array_equal(h, expected)


def test_several_encoders_share_a_pass(reader):
    _, h = features.embed(
        lambda x: {"mean": tf.reduce_mean(x, [1, 2]), "raw": x.reshape(4, -1)},
        reader,
        image_size=SIZE,
        batch_size=4,
        progress=False,
    )
    assert h["mean"].shape == (10, 3)
    assert h["raw"].shape == (10, SIZE * SIZE * 3)
    np.testing.assert_allclose(
        h["raw"].reshape(10, -1, 3).mean(1), h["mean"], rtol=1e-5
    )


def test_batch_norm_in_inference_mode_ignores_the_batch(reader):
    model = keras.Sequential(
        [
            keras.Input([SIZE, SIZE, 3]),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    before = [v.numpy() for v in model.non_trainable_variables]
    one, many = (
        features.embed(
            lambda x: model(x, training=False),
            reader,
            image_size=SIZE,
            batch_size=batch_size,
            progress=False,
        )[1]
        for batch_size in (1, 8)
    )
    np.testing.assert_allclose(one, many, rtol=1e-5)
    for old, variable in zip(before, model.non_trainable_variables):
        np.testing.assert_array_equal(old, variable.numpy())


def test_raw_pixels():
    small = np.random.default_rng(0).random([2, 28, 28, 3], np.float32)
    np.testing.assert_array_equal(
        features.raw_pixels(small), small.reshape(2, -1)
    )
    large = np.random.default_rng(0).random([2, 64, 64, 3], np.float32)
    means = large.reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(
        features.raw_pixels(large), means.reshape(2, -1), rtol=1e-5
    )
    assert features.raw_pixels(np.zeros([1, 224, 224, 3])).shape == (1, 3072)


def test_an_error_of_the_encoder_ends_the_pass(reader):
    def broken(_):
        raise ValueError("no weights")

    with pytest.raises(ValueError, match="no weights"):
        features.embed(broken, reader, image_size=SIZE, progress=False)


def test_no_rows(reader):
    with pytest.raises(ValueError, match="no image to embed"):
        features.embed(
            features.raw_pixels, reader, [], image_size=SIZE, progress=False
        )


def test_an_image_of_several_parts_is_embedded_once(reader):
    """Features land by part, though rows are in any order; views are seen
    once."""
    seen = []

    def encoder(x):
        seen.append(len(x))
        return {"mean": x.mean(axis=(1, 2))}

    parts = {
        "fit": Part(reader, np.array([9, 0, 3, 5]), np.arange(4)),
        "look": Part(reader, np.array([0, 1, 9]), None),
    }
    found = embed_parts(
        encoder, parts, image_size=SIZE, batch_size=2, progress=False
    )
    assert sum(seen) == 6  # Of 0, 1, 3, 5, 9, and one that fills up.
    expected = views(reader).mean(axis=(1, 2))
    fit, h = found["fit"]
    assert fit.rows.tolist() == [9, 0, 5] and fit.labels.tolist() == [0, 1, 3]
    np.testing.assert_array_equal(h["mean"], expected[[9, 0, 5]])
    look, h = found["look"]
    assert look.rows.tolist() == [0, 1, 9]
    np.testing.assert_array_equal(h["mean"], expected[[0, 1, 9]])


def test_a_stream_holds_a_few_batches(reader):
    """Memory does not grow with the images: what is read is soon asked for."""
    read, most = [], 0
    load = reader.load
    reader.load = lambda row: read.append(row) or load(row)
    given = features.batches(
        lambda x: x.mean(axis=(1, 2)),
        reader,
        np.arange(400) % 11,
        image_size=SIZE,
        batch_size=4,
        progress=False,
    )
    for i, (_, h) in enumerate(given):
        most = max(most, len(read) - 4 * i)
        assert len(h) <= 4
    assert 4 < most <= 4 * 6 and len(read) == 400


def test_what_is_kept_of_a_batch_is_not_written_over(reader):
    kept = [
        h
        for _, h in features.batches(
            features.raw_pixels,
            reader,
            np.array(READABLE),
            image_size=SIZE,
            batch_size=1,
            progress=False,
        )
    ]
    expected = features.raw_pixels(views(reader)[READABLE])
    np.testing.assert_array_equal(np.concatenate(kept), expected)


def test_replicas_share_a_batch(reader, strategy):
    """Rows of 1 and 4 replicas are those of the net itself, in their order."""
    with strategy.scope():
        net = keras.Sequential(
            [
                keras.Input([SIZE, SIZE, 3]),
                keras.layers.Conv2D(4, 3, name="c"),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
    rows, h = features.embed(
        Infer(net, strategy), reader, image_size=SIZE, progress=False
    )
    expected = net(views(reader)[READABLE]).numpy()
    assert rows.tolist() == READABLE
    np.testing.assert_allclose(h, expected, rtol=1e-5, atol=1e-6)
    ready = features.in_batches(Infer(net, strategy), views(reader))
    np.testing.assert_allclose(ready[READABLE], expected, rtol=1e-5, atol=1e-6)
