"""Nets of torchvision, timm and keras.applications: imported, features agree.

tests/golden/published_nets.npz holds what the originals answer to weights that
are drawn by their names (benchmarks/published_nets.py).
"""

import keras
import numpy as np
import pytest

from simclr.config import Config, Data, override
from simclr.models.encoders import vit
from simclr.models.encoders.positions import resized_places
from simclr.published import detect
from simclr.published.files import opened
from simclr.runs import weights
from tests import drawn_weights, weight_files

# Quick ones; the others build hundreds of layers each.
QUICK = (
    "resnet18",
    "tf_mobilenetv3_small_100",
    "convnext_tiny",
    "vit_small_patch14_dinov2",
)
APPLICATIONS = {
    "MobileNetV3Small": "inception",
    "MobileNetV3Large": "inception",
    "EfficientNetV2B0": "imagenet",
    "ConvNeXtTiny": "imagenet",
    "ResNet50": "caffe",
}


def imported(path):
    """(Fit, the net with the file's weights) of a file."""
    source = opened.read(str(path))
    fit = detect.detect(source)
    data = Data(image_size=fit.net.image_size)
    config = override(Config(data=data, model=fit.model), [])
    return source, fit, weights.encoder_from(config, fit.read(source))


def require_equal(ours, theirs, tolerance=1e-4):
    """Relative to the largest feature."""
    assert np.abs(ours - theirs).max() < tolerance * np.abs(theirs).max()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in weight_files.NETS
    ],
)
def test_features_of_torchvision_and_timm(name, tmp_path):
    kind = ("safetensors", "npz")[len(name) % 2]
    path = tmp_path / f"{name}.{kind}"
    weight_files.write(path, weight_files.state(name))
    source, fit, net = imported(path)
    golden = weight_files.GOLDEN
    size = int(golden[f"{name}/size"])
    h = net(drawn_weights.images(size, count=2)).numpy()
    require_equal(h[:, ::8], golden[f"{name}/h"])
    assert fit.net.features == h.shape[1]
    # Every key of the file has a place, or is counted.
    placed = {k for keys in fit.paths.values() for k in np.atleast_1d(keys)}
    assert len(placed) + sum(source.left.values()) == len(
        weight_files.NETS[name]
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=() if name == "MobileNetV3Small" else pytest.mark.slow
        )
        for name in APPLICATIONS
    ],
)
@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
def test_features_of_keras_applications(name, ending, tmp_path):
    theirs = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(64, 64, 3), pooling="avg"
    )
    for v in theirs.variables:
        if v.dtype == "float32" and "normalization/" not in v.path:
            v.assign(_drawn(v.path, tuple(v.shape)))
    path = tmp_path / f"net{ending}"
    save = theirs.save_weights if ending == ".weights.h5" else theirs.save
    save(path)
    _, fit, net = imported(path)
    assert fit.model.normalization == APPLICATIONS[name]
    images = drawn_weights.images(64, count=2)
    pixels = 255 * images
    if name == "ResNet50":  # The others do so themselves.
        pixels = keras.applications.resnet.preprocess_input(pixels.copy())
    require_equal(net(images).numpy(), theirs(pixels).numpy())


def _drawn(path, shape):
    """As drawn_weights.value, by Keras's names and axes."""
    kind = path.rpartition("/")[2]
    if kind == "kernel":
        # To PyTorch's axes and back: [out, in, h, w] or [out, in].
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}[len(shape)]
        if "depthwise" in path or "dwconv" in path:
            axes = (2, 3, 0, 1)
        turned = tuple(shape[i] for i in axes)
        x = drawn_weights.value(f"{path}.weight", turned)
        return x.transpose(np.argsort(axes))
    words = {"moving_variance": "running_var", "gamma": "weight"}
    theirs = "gamma" if "layer_scale" in path else words.get(kind, "bias")
    return drawn_weights.value(f"{path}.{theirs}", shape)


def test_places_are_resized_as_dino_does():
    golden = weight_files.GOLDEN
    learned = golden["places/learned"]
    for rows, columns in ((3, 7), (8, 8), (5, 6)):
        np.testing.assert_allclose(
            resized_places(learned, 5, rows, columns),
            golden[f"places/{rows}x{columns}"],
            atol=1e-6,
        )
    np.testing.assert_array_equal(resized_places(learned, 5, 5, 5), learned)


def test_learned_places_survive_a_config():
    layer = vit.Tokens.from_config(vit.Tokens(5, name="tokens").get_config())
    layer.build((None, 5, 5, 8))
    assert layer.position.shape == (1, 26, 8)
    assert not hasattr(vit.Tokens.from_config({"name": "sines"}), "position")
