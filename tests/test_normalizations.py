"""The table of normalizations: against the formulas that their makers give.

Every net has them inside, and a run keeps the one that it was trained with.
"""

import json

import keras
import numpy as np
import pytest

from simclr import config as config_lib
from simclr.config import Config, Model
from simclr.models import backbones
from simclr.models.encoders.layers import images
from simclr.models.normalizations import NORMALIZATIONS
from simclr.runs import folder as run_folder
from simclr.runs import older

BYTES = np.array([[0, 128, 255], [10, 20, 30]], np.uint8)


def test_none_is_the_pixels():
    pixels = BYTES / np.float32(255)
    np.testing.assert_array_equal(NORMALIZATIONS["none"].of(pixels), pixels)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("lite", (BYTES.astype(float) - 127) / 128),
        ("inception", BYTES / 127.5 - 1),
        (
            "imagenet",
            (BYTES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        ),
        ("caffe", BYTES[:, ::-1] - [103.939, 116.779, 123.68]),
        (
            "clip",
            (BYTES / 255 - [0.48145466, 0.4578275, 0.40821073])
            / [0.26862954, 0.26130258, 0.27577711],
        ),
    ],
)
def test_formula(name, expected):
    found = NORMALIZATIONS[name].of(BYTES / 255)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("planes", [0, 2])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_net_does_it_itself(name, planes):
    pixels = np.random.default_rng(0).random((2, 4, 4, 3 + planes), np.float32)
    found = keras.Model(*images(name, planes))(pixels).numpy()
    expected = NORMALIZATIONS[name].of(pixels[..., :3])
    np.testing.assert_allclose(found[..., :3], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found[..., 3:], pixels[..., 3:])


OWN = {
    "resnet": "none",
    "mobilenet_v3_small": "inception",
    "mobilenet_v3_large": "inception",
    "efficientnet_v2_b0": "imagenet",
    "efficientnet_lite0": "lite",
    "convnext_tiny": "imagenet",
    "vit_small": "imagenet",
    "vit_base": "imagenet",
    "conv_n": "none",
}


def test_every_backbone_has_one_of_its_own():
    assert set(OWN) == set(backbones.BACKBONES)
    for name, own in OWN.items():
        config = config_lib.override(Config(), [f"model.name={name}"])
        assert config.model.normalization == own
        given = ["model.normalization=clip", f"model.name={name}"]
        config = config_lib.override(Config(), given)
        assert config.model.normalization == "clip"
        net = backbones.build_encoder(config.model)
        [layer] = [x for x in net.layers if x.name == "normalization"]
        assert tuple(layer.scale) == NORMALIZATIONS["clip"].scale


def test_a_name_that_is_not_there():
    with pytest.raises(
        ValueError, match=r"model.normalization is 'imagenet1k'"
    ):
        config_lib.override(Config(), ["model.normalization=imagenet1k"])


@pytest.mark.parametrize("name", ["resnet", "vit_small", "convnext_tiny"])
def test_runs_from_before_say_none_and_have_their_own(name, tmp_path):
    """Format 2 wrote "none" for every net but a ResNet that said otherwise."""
    now = config_lib.override(Config(), [f"model.name={name}"])
    values = json.loads(config_lib.to_json(now))
    values["model"]["normalization"] = "none"
    facts = {"data": {}}
    with run_folder.open_run(str(tmp_path), now, facts):
        pass
    facts = run_folder.read_facts(tmp_path) | {"format": 2}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert run_folder.read_config(tmp_path) == now
    older.require_current(str(tmp_path), facts)  # It goes on.
    facts["format"] = older.FORMAT  # "none" is meant.
    (tmp_path / "run.json").write_text(json.dumps(facts))
    assert run_folder.read_config(tmp_path).model.normalization == "none"


def test_outside_models_have_none_to_choose():
    model = Model(name="package.module:function", normalization="clip")
    model = backbones.settle(model, image_size=32, eval_image_size=32)
    assert model.normalization == "auto"
