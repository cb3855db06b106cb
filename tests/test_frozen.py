"""Encoders in a file, run as they are."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.frozen import preprocessing
from simclr.frozen.encoder import open_encoder
from simclr.frozen.files import is_encoder
from simclr.inference import features
from simclr.messages.errors import InputError
from tests import frozen_files as files
from tests import tiny


def imagenet(images):
    return (images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.fixture(scope="module")
def one_net(tmp_path_factory):
    """The same net in three files: dict of kind -> path."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("frozen")
    return {
        "Keras": files.write_keras(folder / "net.keras"),
        "SavedModel": files.write_saved_model(folder / "net"),
        "ONNX": files.write_onnx(folder / "net.onnx"),
    }


@pytest.mark.parametrize("kind", ["Keras", "SavedModel", "ONNX"])
def test_features_are_those_of_the_net(one_net, kind):
    encoder = open_encoder(one_net[kind], "inception")
    images = files.images(7)
    h = encoder(images)
    assert (encoder.kind, encoder.image_size, encoder.num_features) == (
        *(kind, files.SIDE),
        files.FEATURES,
    )
    assert h.dtype == np.float32
    expected = files.expected(2 * images - 1)
    np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-4)


def test_nothing_said_is_imagenets_pixels_and_is_said(one_net):
    encoder = open_encoder(one_net["Keras"])
    images = files.images()
    expected = files.expected(imagenet(images))
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-4, atol=1e-4)
    assert "'imagenet' (nothing says it; --preprocessing does)" in encoder.words


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 1},
        {"batch": 4},
        {"side": "side"},
        {"layout": "NHWC"},
        {"layout": "NHWC", "side": None, "batch": None},
        {"dtype": "FLOAT16"},
        {"dtype": "DOUBLE"},
    ],
    ids=str,
)
def test_onnx_of_any_batch_side_layout_and_number(tmp_path, options):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = files.write_onnx(tmp_path / "net.onnx", **options)
    said = f"none, size={files.SIDE}"
    encoder = open_encoder(path, said)
    images = files.images(6)
    tolerance = 2e-2 if options.get("dtype") == "FLOAT16" else 1e-4
    np.testing.assert_allclose(
        encoder(images), files.expected(images), tolerance, tolerance
    )


def test_bytes(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = files.write_onnx(tmp_path / "net.onnx", dtype="UINT8")
    images = files.images()
    expected = files.expected(np.rint(images * 255))
    np.testing.assert_allclose(open_encoder(path)(images), expected, rtol=1e-4)
    with pytest.raises(InputError, match=r"takes bytes.*--preprocessing=bytes"):
        open_encoder(path, "imagenet")


def test_nets_of_any_side_take_what_they_are_given(tmp_path):
    path = files.write_keras(tmp_path / "net.keras", side=None)
    encoder = open_encoder(path, "none")
    assert encoder.image_size == 224
    assert "it takes any" in encoder.words
    small = files.images(side=20)
    np.testing.assert_allclose(
        encoder(small), files.expected(small), rtol=1e-4, atol=1e-4
    )
    assert open_encoder(path, "none, size=32").image_size == 32


def test_a_net_that_scales_pixels_itself_is_given_bytes_or_its_own(tmp_path):
    images = files.images()
    for i, (first, scaled, name) in enumerate(
        [
            (layers.Rescaling(1 / 127.5, -1), 2 * images - 1, "bytes"),
            (layers.Rescaling(2.0, -1), 2 * images - 1, "none"),
            (
                layers.Normalization(mean=[120.0] * 3, variance=[64.0**2] * 3),
                (images * 255 - 120) / 64,
                "bytes",
            ),
        ]
    ):
        path = files.write_keras(tmp_path / f"{i}.keras", first=[first])
        encoder = open_encoder(path)
        assert f"{name!r} (its own {first.name})" in encoder.words
        np.testing.assert_allclose(
            encoder(images), files.expected(scaled), rtol=1e-3, atol=1e-3
        )


def outputs(**found):
    """A SavedModel's function that gives some of its images' numbers."""
    return lambda x: {name: make(x) for name, make in found.items()}


def flat(x):
    return tf.reshape(x, [tf.shape(x)[0], 16 * 16 * 3])


def by(scale):
    return lambda x: scale * flat(x)


def tokens(count):
    return lambda x: tf.reshape(x, [-1, 256, 3])[:, :count]


@pytest.mark.parametrize(
    "found, said, words, expected",
    [
        (
            {"logits": lambda x: 2 * flat(x), "pooler_output": flat},
            "",
            "output 'pooler_output'",
            lambda x: x.reshape(len(x), -1),
        ),
        (
            {"a": lambda x: 2 * flat(x), "b": flat},
            "output=b",
            "output 'b'",
            lambda x: x.reshape(len(x), -1),
        ),
        (
            {"last_hidden_state": tokens(17)},
            "",
            "first of 17 tokens",
            lambda x: x.reshape(-1, 256, 3)[:, 0],
        ),
        (
            {"last_hidden_state": tokens(16)},
            "",
            "mean of 16 tokens",
            lambda x: x.reshape(-1, 256, 3)[:, :16].mean(1),
        ),
        (
            {"last_hidden_state": tokens(17)},
            "pool=mean",
            "mean of 17 tokens",
            lambda x: x.reshape(-1, 256, 3)[:, :17].mean(1),
        ),
        (
            {"map": lambda x: x},
            "",
            "mean of 16 x 16 places",
            lambda x: x.mean((1, 2)),
        ),
    ],
)
def test_which_output_is_taken_and_how_it_is_pooled(
    tmp_path, found, said, words, expected
):
    path = files.write_saved_model(tmp_path / "net", outputs(**found))
    encoder = open_encoder(path, f"none, {said}")
    assert words in encoder.words
    images = files.images()
    np.testing.assert_allclose(encoder(images), expected(images), 1e-5, 1e-6)


def test_a_map_of_nchw_is_averaged_over_its_places(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = files.write_onnx(tmp_path / "net.onnx", pool=False)
    encoder = open_encoder(path, "none")
    assert encoder.num_features == 6
    assert "mean of 7 x 7 places" in encoder.words
    images = files.images()
    w = files.arrays()
    np.testing.assert_allclose(
        encoder(images) @ w["dense"] + w["bias"],
        files.expected(images),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_module_that_is_called_and_has_no_signature(tmp_path):
    module = tf.Module()
    module.net = files.keras_net()

    @tf.function
    def call(images, training=False):
        return module.net(images) + 100.0 * tf.cast(training, tf.float32)

    spec = tf.TensorSpec([None, 16, 16, 3], tf.float32)
    for training in (True, False):
        call.get_concrete_function(spec, training=training)
    module.__call__ = call
    tf.saved_model.save(module, str(tmp_path / "net"))
    images = files.images()
    np.testing.assert_allclose(
        open_encoder(str(tmp_path / "net"), "none")(images),
        files.expected(images),
        rtol=1e-4,
        atol=1e-4,
    )


# --- What is said of the images, and by whom.


def test_files_beside_it_say_the_preprocessing(tmp_path):
    path = files.write_keras(tmp_path / "net.keras", side=None)
    images = files.images()

    def scaled_by(scale, offset, text=""):
        encoder = open_encoder(path, text)
        np.testing.assert_allclose(
            encoder(images),
            files.expected(images * scale + offset),
            rtol=1e-3,
            atol=1e-3,
        )
        return encoder

    files.write_json(
        tmp_path / "preprocessor_config.json",
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.25, 0.25, 0.25],
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        do_rescale=True,
        rescale_factor=1 / 255,
    )
    encoder = scaled_by(4, -2)
    assert encoder.image_size == 224
    assert "(preprocessor_config.json)" in encoder.words
    files.write_json(
        tmp_path / "net.json",
        mean=[0.1, 0.1, 0.1],
        std=[0.5, 0.5, 0.5],
        size=48,
    )
    encoder = scaled_by(2, -0.2)
    assert encoder.image_size == 48
    assert scaled_by(2, -1, "inception").image_size == 48


@pytest.mark.parametrize(
    "content, scale, offset, size",
    [
        ({"do_rescale": False, "image_mean": [127.0] * 3}, 255, -127, 0),
        ({"do_normalize": False, "image_mean": [9, 9, 9]}, 1, 0, 0),
        ({"rescale_factor": 1 / 127.5, "do_normalize": False}, 2, 0, 0),
        ({"size": 384}, 1, 0, 384),
        ({"size": {"height": 32, "width": 32}}, 1, 0, 32),
        (
            {"size": 64, "crop_size": 48, "do_center_crop": False},
            *(1, 0, 64),
        ),
    ],
)
def test_hugging_faces_words(tmp_path, content, scale, offset, size):
    (tmp_path / "onnx").mkdir()
    files.write_json(tmp_path / "preprocessor_config.json", **content)
    said = preprocessing.read_preprocessing(str(tmp_path / "onnx/net.onnx"))
    np.testing.assert_allclose(said.normalization.scale, scale)
    np.testing.assert_allclose(said.normalization.offset, offset)
    assert said.size == size


@pytest.mark.parametrize(
    "text, message",
    [
        ("imagnet", "no normalization 'imagnet'.*mean 'imagenet'|imagenet"),
        ("sise=224", "no setting 'sise'.*size"),
        ("size=big", "size is 'big'"),
        ("size=0", "size is 0"),
        ("pool=max", "pool is 'max'; choose class or mean"),
        ("none, imagenet", "normalization twice"),
        ("layout=NWHC", "layout is"),
    ],
)
def test_a_wrong_line_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        preprocessing.read_preprocessing("net.onnx", text)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "net.json"),
        ("[]", "no JSON object"),
        ('{"mean": [1, 2, 3]}', "std is None, not 3 numbers"),
        ('{"mean": [0, 0, 0], "std": [1, 1, 0]}', "must be > 0"),
        ('{"mean": [0, 0], "std": [1, 1, 1]}', "mean is .*not 3 numbers"),
        ('{"normalization": ["none"]}', "no normalization"),
        ('{"size": "224"}', "size is '224'"),
        ('{"sise": 224}', "Did you mean size"),
        ('{"output": 3}', "output is 3"),
    ],
)
def test_a_wrong_file_is_refused_by_its_name(tmp_path, text, message):
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        preprocessing.read_preprocessing(str(tmp_path / "net.keras"))
    assert "net.json" in str(error.value)


def test_the_digest_is_of_the_bytes_and_of_what_is_said(tmp_path, one_net):
    for path in one_net.values():
        digest = open_encoder(path, "none").digest
        assert open_encoder(path, "none").digest == digest
        assert open_encoder(path, "imagenet").digest != digest
    path = files.write_keras(tmp_path / "a.keras", side=None)
    digest = open_encoder(path, "imagenet").digest
    assert open_encoder(path).digest == digest  # Whoever says it.
    assert open_encoder(path, "size=32").digest != digest
    (tmp_path / "b.keras").write_bytes((tmp_path / "a.keras").read_bytes())
    assert open_encoder(str(tmp_path / "b.keras")).digest == digest
    nets = [
        files.write_saved_model(tmp_path / str(scale), outputs(h=by(scale)))
        for scale in (1, 2)
    ]
    assert len({open_encoder(path).digest for path in nets}) == 2


def test_weights_beside_an_onnx_file_are_in_its_digest(tmp_path):
    from simclr.frozen import files as frozen

    (tmp_path / "net.onnx").write_bytes(b"graph with weights.bin")
    for beside, counts in (("weights.bin", True), ("other.bin", False)):
        (tmp_path / beside).write_bytes(b"one")
        digest = frozen.digest(str(tmp_path / "net.onnx"))
        (tmp_path / beside).write_bytes(b"two")
        changed = frozen.digest(str(tmp_path / "net.onnx")) != digest
        assert changed == counts


# --- What is refused.


def refused(path, message, said=""):
    with pytest.raises(InputError, match=message) as error:
        open_encoder(str(path), said)
    assert len(str(error.value).splitlines()) == 1


@keras.saving.register_keras_serializable("tests")
class Custom(layers.Layer):
    def call(self, x):
        return x


def test_keras_files_with_code_of_others_are_refused(tmp_path):
    path = tmp_path / "lambda.keras"
    files.write_keras(path, first=[layers.Lambda(lambda x: x + 1)])
    refused(path, "holds a Lambda, whose code")
    path = tmp_path / "custom.keras"
    files.write_keras(path, first=[Custom()])
    refused(path, r"needs tests?.*Custom, which is not Keras's own")


def test_layers_of_keras_applications_are_keras_own(tmp_path):
    from keras.src.applications.convnext import LayerScale  # ConvNeXt's.

    path = tmp_path / "net.keras"
    encoder = open_encoder(
        files.write_keras(path, first=[LayerScale(1.0, 3)]), "none"
    )
    images = files.images()
    np.testing.assert_allclose(
        encoder(images), files.expected(images), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"class_name": "function", "module": "os", "config": "system"},
            "needs os.function, which is not Keras's own",
        ),
        (  # Keras's own, and not for a file to call.
            {
                "class_name": "function",
                "module": "keras.models",
                "config": "load_model",
            },
            "needs keras.models.function, which is not Keras's own",
        ),
        (
            {"class_name": "layers.Lambda", "module": "keras", "config": {}},
            "needs keras.layers.Lambda, which is not Keras's own",
        ),
    ],
)
def test_what_a_file_may_not_name_is_not_called(tmp_path, named, message):
    """What Keras's own loader has let through in some of its versions."""
    good = files.write_keras(tmp_path / "good.keras")
    path = tmp_path / "bad.keras"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1]["config"]["activation"] = named
                data = json.dumps(config)
            new.writestr(name, data)
    refused(path, message)


def test_files_that_are_missing_damaged_or_something_else(tmp_path):
    refused(tmp_path / "none.keras", "There is no ")
    (tmp_path / "a.txt").write_text("")
    refused(tmp_path / "a.txt", "no frozen encoder: a .keras or .onnx")
    (tmp_path / "a.keras").write_bytes(b"PK")
    refused(tmp_path / "a.keras", "no .keras file, or a damaged one")
    whole = (tmp_path / "b.keras", tmp_path / "b.onnx")
    files.write_keras(whole[0])
    data = whole[0].read_bytes()
    whole[0].write_bytes(data[: len(data) // 2])
    refused(whole[0], "damaged")
    (tmp_path / "net").mkdir()
    (tmp_path / "net/saved_model.pb").write_bytes(b"\xff\xff")
    refused(tmp_path / "net", "cannot be read")
    if pytest.importorskip("onnxruntime"):
        whole[1].write_bytes(b"\xff\xff")
        refused(whole[1], "cannot be read")


def test_without_onnxruntime_it_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "net.onnx").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(tmp_path / "net.onnx", r"pip install -e .*\[onnx\]")


def test_nets_that_are_no_encoders_of_photos(tmp_path):
    path = files.write_keras(tmp_path / "four.keras", channels=4)
    refused(path, "takes 3 channels")
    flat_net = keras.Sequential([keras.Input([7]), layers.Dense(3)])
    flat_net.save(tmp_path / "flat.keras")
    refused(tmp_path / "flat.keras", "input of 2 axes")
    wide = keras.Sequential([keras.Input([8, 9, 3]), layers.GlobalAvgPool2D()])
    wide.save(tmp_path / "wide.keras")
    refused(tmp_path / "wide.keras", "8 x 9 pixels")
    a, b = keras.Input([8, 8, 3]), keras.Input([8, 8, 3])
    keras.Model([a, b], layers.GlobalAvgPool2D()(a + b)).save(
        tmp_path / "two.keras"
    )
    refused(tmp_path / "two.keras", "takes 2 inputs")
    good = files.write_keras(tmp_path / "good.keras")
    refused(good, "16 pixels, not of size=32", "size=32")
    refused(good, "no output 'h'; there are dense", "output=h")
    refused(good, r"\[n, f\] already", "pool=mean")
    two = files.write_saved_model(
        tmp_path / "two", outputs(a=flat, b=lambda x: 2 * flat(x))
    )
    refused(two, r"several outputs, . \(2, 768\), .*--preprocessing=output=")
    mean = files.write_saved_model(
        tmp_path / "mean", lambda x: tf.reduce_mean(x, 0)[None]
    )
    refused(mean, "no output of features")


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda x: flat(x) / tf.zeros([]), "not finite"),
        (lambda x: 0 * flat(x) + 1, "different images have the same features"),
        (
            lambda x: flat(x) - tf.reduce_mean(flat(x), 0, keepdims=True),
            "exported in training mode",
        ),
    ],
)
def test_features_that_cannot_be_used_are_refused_at_once(
    tmp_path, function, message
):
    encoder = open_encoder(files.write_saved_model(tmp_path / "n", function))
    with pytest.raises(InputError, match=message):
        encoder(files.images())


def test_images_of_another_side_or_more_planes_are_refused(one_net):
    encoder = open_encoder(one_net["Keras"])
    with pytest.raises(InputError, match=r"net\.keras: it takes images of 16"):
        encoder(files.images(side=20))
    with pytest.raises(InputError, match="3 channels"):
        encoder(np.zeros([2, 16, 16, 4], np.float32))


def test_wrong_pixels_are_doubted_on_the_first_batch(tmp_path, capsys):
    """A net of bytes that is given numbers of about 1 sees one grey."""

    def of_bytes(x):
        return {"features": tf.concat([flat(x), tf.fill([len(x), 1], 5e3)], 1)}

    path = files.write_saved_model(tmp_path / "net", of_bytes)
    open_encoder(path, "imagenet")(files.images())
    assert "far more by 'bytes'" in capsys.readouterr().err
    encoder = open_encoder(path, "bytes")
    encoder(files.images())
    assert "Warning" not in capsys.readouterr().err


def test_rows_that_fill_a_batch_up_are_not_looked_at(tmp_path):
    """Black images, whose unit features are 0 / 0 in some nets."""

    def unit(x):
        return flat(x) / tf.norm(flat(x), axis=1, keepdims=True)

    encoder = open_encoder(
        files.write_saved_model(tmp_path / "n", unit), "none"
    )
    images = files.images(4)
    images[2:] = 0
    assert np.isfinite(encoder(images)[:2]).all()


def test_is_encoder_by_its_name_or_graph(tmp_path, one_net):
    assert all(map(is_encoder, one_net.values()))
    assert is_encoder("not/there.onnx")
    (tmp_path / "run.keras").mkdir()
    assert not any(
        map(is_encoder, (str(tmp_path), str(tmp_path / "run.keras")))
    )
    assert not any(map(is_encoder, ("a.npz", "a.weights.h5", "runs/a", "")))


def test_a_pass_over_a_folder_beside_other_nets(tmp_path, one_net, strategy):
    """In one stream with what replicas run; the last batch is filled up."""
    source = str(tiny.write_photos(tmp_path / "photos", 7))
    reader = Reader(open_source(source))
    encoder = open_encoder(one_net["SavedModel"], "none")
    rows, found = features.embed(
        {"frozen": encoder, "raw": features.raw_pixels},
        reader,
        image_size=encoder.image_size,
        workers=Workers(strategy),
        batch_size=4,
        progress=False,
    )
    assert list(rows) == list(range(7))
    images = found["raw"].reshape(7, 16, 16, 3)
    np.testing.assert_allclose(
        found["frozen"], files.expected(images), rtol=1e-4, atol=1e-4
    )


def test_an_onnx_file_without_its_weights_says_so(tmp_path):
    """PyTorch's exporter may keep them in a second file."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = files.write_onnx(tmp_path / "net.onnx")
    onnx.save_model(
        *(onnx.load(path), path),
        save_as_external_data=True,
        location="net.data",
        size_threshold=0,
    )
    assert open_encoder(path).num_features == files.FEATURES
    (tmp_path / "net.data").unlink()
    refused(path, "its file of weights is missing beside it")
