"""PyTorch's files of weights: Barlow Twins' ResNet-50.

Names and arrays are tested without PyTorch; reading a file needs it.
"""

import numpy as np
import pytest

from simclr.models.encoders.resnet import resnet
from simclr.models.heads import projection_head
from simclr.models.variables import named_variables
from simclr.published import detect
from simclr.published.files import state_dict, torch_checkpoint
from simclr.published.resnet_layers import Net
from simclr.runs import checkpoint
from tests import published_files

PROJECTOR = {  # Barlow Twins' projector, narrower: 2048-32-32-32.
    "projector.0.weight": (32, 2048),
    "projector.1.weight": (32,),
    "projector.1.bias": (32,),
    "projector.1.running_mean": (32,),
    "projector.1.running_var": (32,),
    "projector.1.num_batches_tracked": (),
    "projector.3.weight": (32, 32),
    "projector.4.weight": (32,),
    "projector.4.bias": (32,),
    "projector.4.running_mean": (32,),
    "projector.4.running_var": (32,),
    "projector.4.num_batches_tracked": (),
    "projector.6.weight": (32, 32),
}
# Batch norm of the loss, not of the net.
LOSS_NORM = {"bn.running_mean": (32,), "bn.running_var": (32,)}
FC = {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def backbone():
    return published_files.torch_values(published_files.torch_shapes())


def full_checkpoint():
    """Names and values of the "model" in Barlow Twins' training checkpoint."""
    heads = published_files.torch_values({**PROJECTOR, **LOSS_NORM})
    return {
        **{f"module.backbone.{k}": v for k, v in backbone().items()},
        **{f"module.{k}": v for k, v in heads.items()},
    }


def detected(state):
    source = state_dict.source(
        "PyTorch checkpoint", {k: v.shape for k, v in state.items()}
    )
    return source, detect.detect(source)


def test_published_resnet50_is_found():
    source, fit = detected(backbone())
    assert fit.net == Net(50, stem="torchvision")
    assert (fit.model.stem, fit.model.normalization) == (
        "torchvision",
        "imagenet",
    )
    assert fit.model.head_layers == fit.num_classes == 0
    assert source.left == {"batch counters (num_batches_tracked)": 53}


def test_linear_head_is_the_fc():
    state = {**backbone(), **published_files.torch_values(FC)}
    _, fit = detected(state)
    assert fit.num_classes == 1000
    kernel = state_dict.to_ours(state[fit.paths["probe/probe/kernel"]])
    np.testing.assert_array_equal(kernel[5, 7], state["fc.weight"][7, 5])


def test_every_value_has_its_place():
    state = backbone()
    _, fit = detected(state)
    key = fit.paths["encoder/group2_block1_conv2/kernel"]
    assert key == "layer2.0.conv2.weight"
    ours, theirs = state_dict.to_ours(state[key]), state[key]
    assert ours.shape == (3, 3, 128, 128)
    assert ours[0, 2, 5, 9] == theirs[9, 5, 0, 2]
    shortcut = fit.paths["encoder/group4_block1_shortcut_bn/moving_variance"]
    assert shortcut == "layer4.0.downsample.1.running_var"


def test_full_checkpoint_has_the_projector():
    state = full_checkpoint()
    source, fit = detected(state)
    assert source.left["statistics of the Barlow Twins loss"] == 2
    model = fit.model
    assert (model.head_layers, model.head_hidden, model.head_dim) == (3, 32, 32)
    assert not model.head_norm
    head = projection_head(2048, 32, 3, hidden_dim=32, last_norm=False)
    checkpoint.assign(
        named_variables(head=head),
        {
            path: state_dict.to_ours(state[key])
            for path, key in fit.paths.items()
            if path.startswith("head/")
        },
    )
    h = np.random.default_rng(0).normal(size=(4, 2048)).astype(np.float32)
    np.testing.assert_allclose(
        head(h)["z"], projected(state, h), rtol=1e-4, atol=1e-4
    )


def projected(state, h):
    """The projector, line by line in NumPy."""
    for place in (0, 3):
        h = h @ state[f"module.projector.{place}.weight"].T
        norm = f"module.projector.{place + 1}"
        h = h - state[f"{norm}.running_mean"]
        h = h / np.sqrt(state[f"{norm}.running_var"] + 1e-5)
        h = h * state[f"{norm}.weight"] + state[f"{norm}.bias"]
        h = np.maximum(h, 0)
    return h @ state["module.projector.6.weight"].T


def test_what_is_missing_is_listed_by_its_name():
    state = backbone()
    del state["layer3.4.bn2.bias"]
    with pytest.raises(ValueError, match=r"\(layer3.4.bn2.bias\) is missing"):
        detected(state)


def test_without_torch_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install -e .*\[torch\]"):
        torch_checkpoint.read(str(tmp_path / "resnet50.pth"))


def tensors(state):
    torch = pytest.importorskip("torch")
    return {name: torch.from_numpy(v.copy()) for name, v in state.items()}


@pytest.mark.parametrize("kind", ["resnet50.pth", "checkpoint.pth"])
def test_features_are_those_of_torch(kind, tmp_path):
    """The published net in PyTorch's own functions, and ours."""
    torch = pytest.importorskip("torch")
    state, saved = backbone(), tensors(backbone())
    if kind == "checkpoint.pth":
        saved = {"epoch": 3, "model": tensors(full_checkpoint())}
    path = tmp_path / kind
    torch.save(saved, path)
    source = torch_checkpoint.read(str(path))
    fit = detect.detect(source)
    model = resnet(depth=50, stem="torchvision", normalization="imagenet")
    checkpoint.assign(
        named_variables(encoder=model),
        {
            path: source.read(key)
            for path, key in fit.paths.items()
            if path.startswith("encoder/")
        },
    )
    images = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    expected = torch_features(tensors(state), images)
    h = model(images, training=False)["h"].numpy()
    assert np.abs(h - expected).max() < 1e-4 * np.abs(expected).max()


def torch_features(state, images):
    """torchvision's ResNet-50 on normalized images, without torchvision."""
    torch = pytest.importorskip("torch")
    mean, deviation = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    x = (images - mean) / deviation
    x = torch.from_numpy(x.transpose(0, 3, 1, 2))
    functional = torch.nn.functional

    def conv_bn(x, conv, norm, stride=1):
        weight = state[f"{conv}.weight"]
        x = functional.conv2d(
            x, weight, stride=stride, padding=weight.shape[-1] // 2
        )
        return functional.batch_norm(
            x,
            state[f"{norm}.running_mean"],
            state[f"{norm}.running_var"],
            state[f"{norm}.weight"],
            state[f"{norm}.bias"],
            eps=1e-5,
        )

    x = functional.relu(conv_bn(x, "conv1", "bn1", 2))
    x = functional.max_pool2d(x, 3, 2, 1)
    for group, count in enumerate((3, 4, 6, 3), start=1):
        for i in range(count):
            name = f"layer{group}.{i}"
            stride = 2 if group > 1 and i == 0 else 1
            shortcut = x
            if i == 0:
                down = f"{name}.downsample"
                shortcut = conv_bn(x, f"{down}.0", f"{down}.1", stride)
            x = functional.relu(conv_bn(x, f"{name}.conv1", f"{name}.bn1"))
            x = conv_bn(x, f"{name}.conv2", f"{name}.bn2", stride)
            x = conv_bn(functional.relu(x), f"{name}.conv3", f"{name}.bn3")
            x = functional.relu(x + shortcut)
    return x.mean((2, 3)).numpy()


@pytest.mark.parametrize("content", [b"PK\x03\x04 cut", b"no checkpoint", b""])
def test_a_damaged_file_is_one_line(content, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "resnet50.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a whole PyTorch") as error:
        torch_checkpoint.read(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "bad.pth"
    torch.save({"model": Trap()}, path)
    with pytest.raises(ValueError, match=r"PyTorch.*, which would be run") as e:
        torch_checkpoint.read(str(path))
    assert "weights_only" not in str(e.value)
    assert not Trap.sprung


class Trap:
    """Runs code when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True
