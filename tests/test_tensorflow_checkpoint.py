"""TensorFlow's files of weights, written with the published names."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from simclr.models.encoders.resnet import resnet
from simclr.models.heads import linear_probe, projection_head
from simclr.models.variables import named_variables
from simclr.published import detect, projection_layers
from simclr.published.files import tensorflow_checkpoint
from simclr.published.probe_input import probe_input
from simclr.published.resnet_layers import Net
from simclr.runs import checkpoint
from tests import published_files

GOLDEN = pathlib.Path(__file__).parent / "golden"
ENCODER = np.load(GOLDEN / "resnet.npz")
HEAD = np.load(GOLDEN / "model.npz")
NETS = {
    "r18_cifar": Net(18, stem="cifar"),
    "r50_s64": Net(50),
    "r50_sk_s64": Net(50, sk_ratio=0.0625),
}


def write(net, style, folder):
    """The net's golden weights in one style; the path to import."""
    values = published_files.values(net)
    if style == "tf1":
        named = {published_files.tf1_name(n): v for n, v in values.items()}
        return published_files.write_tf1(
            folder / "model.ckpt-7", {**named, "global_step": np.int64(7)}
        )
    root, variables = published_files.objects(
        values,
        net_options=published_files.NETS[net],
        full_names="without full names" not in style,
    )
    if style.startswith("saved_model"):
        exported = published_files.Published(root, variables)
        tf.saved_model.save(exported, str(folder / "saved_model"))
        return str(folder / "saved_model")
    return tf.train.Checkpoint(
        model=root, global_step=tf.Variable(7, dtype=tf.int64)
    ).save(str(folder / "ckpt"))


def detected(path):
    prefix = tensorflow_checkpoint.find(path)
    source = tensorflow_checkpoint.read(prefix)
    return source, detect.detect(source)


def features(source, fit, net):
    """h of the golden input from the imported encoder."""
    model = resnet(
        depth=fit.net.depth, stem=fit.net.stem, sk_ratio=fit.net.sk_ratio
    )
    checkpoint.assign(
        named_variables(encoder=model),
        {
            path: source.read(key)
            for path, key in fit.paths.items()
            if path.startswith("encoder/")
        },
    )
    size = 32 if fit.net.stem == "cifar" else 64
    images = np.random.Generator(np.random.PCG64(999)).random(
        (4, size, size, 3)
    )
    return model(images.astype(np.float32), training=False)["h"].numpy()


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("net", "style"),
    [
        ("r18_cifar", "tf1"),
        ("r18_cifar", "objects"),
        ("r18_cifar", "objects without full names"),
        ("r50_s64", "tf1"),
        ("r18_cifar", "saved_model"),
        slow("r50_s64", "saved_model without full names"),
        ("r50_sk_s64", "tf1"),
        slow("r50_sk_s64", "objects"),
        slow("r50_sk_s64", "objects without full names"),
    ],
)
def test_golden_features_come_out(net, style, tmp_path):
    source, fit = detected(write(net, style, tmp_path))
    assert fit.net == NETS[net]
    h, expected = features(source, fit, net), ENCODER[f"{net}_eval"]
    np.testing.assert_allclose(
        h, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
    )


@pytest.mark.parametrize("num_layers", [2, 3])
@pytest.mark.parametrize("style", ["tf1", "tf2"])
def test_golden_projections_come_out(num_layers, style, tmp_path):
    """The golden heads stand on 32 features, so there is no encoder here."""
    named = published_files.values(f"head{num_layers}")
    if style == "tf1":
        named = {published_files.tf1_name(n): v for n, v in named.items()}
    found = projection_layers.find({name: name for name in named})
    shapes = projection_layers.head_shapes(32, 32, 128, found)
    assert shapes == {p: named[key].shape for p, key in found.paths.items()}
    head = projection_head(32, 128, found.num_layers)
    checkpoint.assign(
        named_variables(head=head),
        {path: named[key] for path, key in found.paths.items()},
    )
    case = f"proj_nl{num_layers}"
    np.testing.assert_allclose(
        head(HEAD[f"{case}_x"], training=False)["z"],
        HEAD[f"{case}_eval_out"],
        rtol=1e-5,
        atol=2e-6,
    )


def second_model(named):
    """The moving average of a whole net, as SimCLRv2's checkpoints have it."""
    return {f"ema_model/{n}": np.full_like(v, 9) for n, v in named.items()}


def slots(named, kind, chosen=lambda name: True):
    """Optimizer slots or EMA copies of variables, of the same shapes."""
    return {
        f"{name}/{kind}": np.full_like(array, 9)
        for name, array in named.items()
        if chosen(name) and not (kind == "Momentum" and "moving_" in name)
    }


def tf1_model(
    folder, *, trained=lambda name: True, ema=True, name="model.ckpt-9"
):
    """A fine-tuned ResNet-18 with head, linear head and everything beside."""
    values = published_files.values("model")
    named = {published_files.tf1_name(n): v for n, v in values.items()}
    tensors = {
        **named,
        **slots(named, "Momentum", trained),
        **(slots(named, "ExponentialMovingAverage") if ema else {}),
        "global_step": np.int64(9),
    }
    return named, published_files.write_tf1(folder / name, tensors)


def test_slots_averages_and_step_are_left_out(tmp_path):
    named, path = tf1_model(tmp_path)
    source, fit = detected(path)
    trained = sum("moving_" not in name for name in named)
    assert source.left == {
        "optimizer slots": trained,
        "EMA copies": len(named),
        "global step": 1,
    }
    assert any("plain weights" in note for note in source.notes)
    assert_only_the_weights(named, source, fit)


def test_a_second_model_of_averages_is_left_out(tmp_path):
    named, _ = tf1_model(tmp_path)
    path = published_files.write_tf1(
        tmp_path / "ema.ckpt", {**named, **second_model(named)}
    )
    source, fit = detected(path)
    assert source.left == {"EMA copies": len(named)}
    assert_only_the_weights(named, source, fit)


def assert_only_the_weights(named, source, fit):
    assert sorted(fit.paths.values()) == sorted(named)
    for key, array in named.items():
        np.testing.assert_array_equal(source.read(key), array)
    assert fit.num_classes == 10
    assert (fit.model.head_layers, fit.model.head_dim) == (3, 128)


@pytest.mark.parametrize("full_names", [True, False])
def test_object_checkpoint_with_optimizer(full_names, tmp_path):
    values = published_files.values("model")
    root, variables = published_files.objects(
        values,
        net_options=published_files.NETS["model"],
        full_names=full_names,
    )
    optimizer = tf.compat.v1.train.MomentumOptimizer(0.0, 0.9)
    trained = [v for n, v in variables.items() if "moving_" not in n]
    optimizer.apply_gradients([(tf.zeros_like(v), v) for v in trained])
    path = tf.train.Checkpoint(
        model=root,
        optimizer=optimizer,
        global_step=tf.Variable(3, dtype=tf.int64),
    ).save(str(tmp_path / "ckpt"))
    source, fit = detected(path)
    assert source.left["optimizer slots"] == len(trained)
    assert source.left["global step"] == source.left["save counter"] == 1
    assert len(source.trained) == len(trained)
    assert len(fit.paths) == len(values)
    assert (fit.model.head_layers, fit.num_classes) == (3, 10)
    # All the head was trained, so this is pretraining: h, as published, or
    # a hidden layer; the file does not tell.
    assert probe_input(source, fit, path)[0] == ""


@pytest.mark.parametrize(
    ("trained", "folder", "end"),
    [
        (lambda n: "contrastive" not in n, "r18", "h"),
        (lambda n: "contrastive" not in n or "nl_0" in n, "r18", "layer1"),
        (lambda n: "nl_2" not in n, "r18", "layer2"),
        (lambda n: "supervised" in n, "r18", ""),  # Encoder frozen.
        (lambda n: False, "finetuned_10pct", "layer1"),
        (lambda n: False, "finetuned_100pct", ""),
    ],
)
def test_what_the_linear_head_sits_on(trained, folder, end, tmp_path):
    (tmp_path / folder).mkdir()
    _, path = tf1_model(tmp_path / folder, trained=trained, ema=False)
    source, fit = detected(path)
    assert probe_input(source, fit, path)[0] == end


def test_linear_head_on_the_projection(tmp_path):
    values = published_files.values("model")
    named = {published_files.tf1_name(n): v for n, v in values.items()}
    named["head_supervised/linear_layer/dense/kernel"] = np.zeros(
        (128, 10), np.float32
    )
    path = published_files.write_tf1(tmp_path / "model.ckpt", named)
    source, fit = detected(path)
    assert probe_input(source, fit, path)[0] == "z"


def test_number_of_classes(tmp_path):
    named = {
        published_files.tf1_name(n): v
        for n, v in published_files.values("r18_cifar").items()
    }
    scope = "head_supervised/linear_layer/dense/"
    named[scope + "kernel"] = np.ones((512, 37), np.float32)
    named[scope + "bias"] = np.ones(37, np.float32)
    path = published_files.write_tf1(tmp_path / "model.ckpt", named)
    source, fit = detected(path)
    assert fit.num_classes == 37
    assert fit.paths["probe/probe/kernel"] == scope + "kernel"
    assert probe_input(source, fit, path)[0] == "h"
    probe = linear_probe(512, fit.num_classes)
    assert set(named_variables(probe=probe)) == {
        path for path in fit.paths if path.startswith("probe/")
    }
    for variable, shape in {"bias": (36,), "kernel": (512, 1, 37)}.items():
        bad = {**named, scope + variable: np.ones(shape, np.float32)}
        path = published_files.write_tf1(tmp_path / f"{variable}.ckpt", bad)
        message = rf"{variable} has shape {re.escape(str(shape))}, not"
        with pytest.raises(ValueError, match=message):
            detected(path)


def test_finds_what_a_path_means(tmp_path):
    values = {"base_model/conv2d/kernel": np.zeros(3, np.float32)}
    for step in (9, 100):
        published_files.write_tf1(tmp_path / f"model.ckpt-{step}", values)
    newest = str(tmp_path / "model.ckpt-100")
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "gs://elsewhere/model.ckpt-9"\n'
    )
    for path in (str(tmp_path), newest, newest + ".index"):
        assert tensorflow_checkpoint.find(path) == newest
    hub = tmp_path / "r50"
    (hub / "hub" / "variables").mkdir(parents=True)
    published_files.write_tf1(hub / "hub" / "variables" / "variables", values)
    assert tensorflow_checkpoint.find(str(hub)).endswith(
        "hub/variables/variables"
    )
    (tmp_path / "empty").mkdir()
    assert tensorflow_checkpoint.find(str(tmp_path / "empty")) is None


@pytest.mark.parametrize("cut", ["index", "data-00000-of-00001"])
def test_a_damaged_checkpoint_is_one_line(cut, tmp_path):
    path = write("r18_cifar", "objects", tmp_path)
    file = pathlib.Path(f"{path}.{cut}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(ValueError, match="is not a whole checkpoint") as error:
        source, fit = detected(path)
        for key in fit.paths.values():
            source.read(key)
    assert "\n" not in str(error.value)
