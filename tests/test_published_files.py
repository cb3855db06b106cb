"""Files of weights, read by names: every kind, and every kind of fault."""

import argparse
import json
import pickle
import zipfile

import ml_dtypes
import numpy as np
import pytest

from simclr import __main__ as cli
from simclr.published import detect
from simclr.published.families import timm_config
from simclr.published.files import (
    hdf5_file,
    opened,
    safetensors_file,
    state_dict,
)
from simclr.runs import folder as run_folder
from simclr.runs import weights
from tests import drawn_weights, weight_files

NET = "mobilenetv3_small_100"
DINO = "vit_small_patch16_224"


@pytest.fixture(scope="module")
def state():
    return weight_files.state("resnet18")


def fitted(shapes, path=""):
    source = state_dict.source("test", shapes)
    source.path = path
    return source, detect.detect(source)


def shapes_of(net):
    return {k: tuple(v) for k, v in weight_files.NETS[net].items()}


def test_numbered_parts_of_a_resnet_are_its_parts():
    """Sequential(*list(resnet.children())[:-1]), as lightly's backbone."""
    shapes = shapes_of("resnet18")
    numbers = {part: i for i, part in state_dict._NUMBERED.items()}
    numbered = {}
    for key, shape in shapes.items():
        part, _, rest = key.partition(".")
        if part != "fc":
            numbered[f"backbone.{numbers[part]}.{rest}"] = shape
    assert "backbone.4.0.conv1.weight" in numbered
    _, expected = fitted(shapes)
    _, fit = fitted(numbered)
    assert fit.model == expected.model
    assert len(fit.paths) == len(numbered) - 20  # Counters of 20 norms.


def refusal(shapes):
    with pytest.raises(ValueError) as error:
        fitted(shapes)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_safetensors_of_every_width(tmp_path):
    """bfloat16 comes as float32; PyTorch's counters are left out."""
    arrays = {
        "a.weight": np.float32([[1, 2, 3]]),
        "b.weight": np.float16([1.5]),
        "c.weight": np.array([1, -2.5, 3.140625], ml_dtypes.bfloat16),
        "d.num_batches_tracked": np.array(7),
    }
    path = weight_files.write(tmp_path / "w.safetensors", arrays)
    source = safetensors_file.read(path)
    assert source.shapes == {
        "a.weight": (3, 1),
        "b.weight": (1,),
        "c.weight": (3,),
    }
    np.testing.assert_array_equal(source.read("a.weight"), [[1], [2], [3]])
    assert source.read("b.weight") == np.float16(1.5)
    assert source.read("c.weight").dtype == np.float32
    np.testing.assert_array_equal(source.read("c.weight"), [1, -2.5, 3.140625])


@pytest.mark.parametrize("kind", ["safetensors", "npz", "h5", "keras", "pth"])
def test_a_damaged_file_is_one_line(kind, state, tmp_path):
    if kind == "pth":
        torch = pytest.importorskip("torch")
    path = tmp_path / f"w.{kind}"
    if kind in ("h5", "keras"):
        import h5py

        with h5py.File(path, "w") as file:
            file["conv1/conv1/kernel"] = np.ones([64, 64])
        if kind == "keras":
            inner = path.read_bytes()
            with zipfile.ZipFile(path, "w") as zipped:
                zipped.writestr("model.weights.h5", inner)
    elif kind == "pth":
        torch.save({"conv1.weight": torch.ones(64, 64)}, path)
    else:
        weight_files.write(path, state)
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError) as error:
            detect.detect(opened.read(str(path)))
        assert "not a whole" in str(error.value)
        assert "\n" not in str(error.value)


def test_a_compressed_npz_that_is_damaged_is_one_line(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, **{"conv1.weight": np.ones(1000, np.float32)})
    data = bytearray(path.read_bytes())
    at = data.index(b"conv1.weight.npy") + 40
    data[at : at + 20] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is not a whole file of arrays"):
        opened.read(str(path))


def test_a_checkpoint_of_dinos_training_code(state, tmp_path):
    """Its flags lie in it, and its weights may be parameters."""
    torch = pytest.importorskip("torch")
    weights = {
        name: torch.nn.Parameter(torch.tensor(array))
        if array.dtype == np.float32
        else torch.tensor(array)
        for name, array in state.items()
    }
    path = tmp_path / "checkpoint.pth"
    torch.save({"teacher": weights, "args": argparse.Namespace(lr=1)}, path)
    source = opened.read(str(path))
    name = next(iter(source.shapes))
    assert np.isfinite(source.read(name)).all()
    assert detect.detect(source).net


class Trap:
    """Runs code when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True


def test_code_in_an_npz_is_not_run(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, **{"conv1.weight": np.array([Trap()], object)})
    with pytest.raises(ValueError, match="not a whole"):
        opened.read(str(path))
    (tmp_path / "w.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=r"PyTorch"):
        opened.read(str(tmp_path / "w.bin"))
    assert not Trap.sprung


def test_what_a_keras_file_says_of_its_layers_is_not_read(tmp_path):
    """Only arrays: a Lambda's code in config.json is never looked at."""
    import h5py

    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        group = file.create_group("layers/conv2d_3/vars")
        group.attrs["name"] = "conv_1"
        group["0"] = np.ones([1, 1, 2, 3])
        state = file.create_group("layers/dropout/seed_generator/vars")
        state["0"] = np.zeros(2, np.uint32)
        file.create_group("optimizer/vars")["0"] = np.zeros(2)
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.write(tmp_path / "model.weights.h5", "model.weights.h5")
        zipped.writestr("config.json", "{not even JSON")
    source = hdf5_file.read(str(path))
    assert source.shapes == {"conv_1/kernel": (1, 1, 2, 3)}
    assert source.left == {"states of dropout": 1, "optimizer's values": 1}


def test_a_keras_file_without_names(tmp_path):
    import h5py

    path = tmp_path / "old.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv2d_3/vars/0"] = np.ones([1, 1, 2, 3])
    with pytest.raises(ValueError, match="does not tell the layer of layers/"):
        hdf5_file.read(str(path))


def test_what_does_not_fit_is_listed():
    shapes = shapes_of(NET)
    assert fitted(shapes)[1].net.words == (
        "MobileNetV3-Small by the names of timm"
    )
    shapes["blocks.9.0.conv.weight"] = (1,)
    del shapes["blocks.1.0.bn2.running_mean"]
    shapes["conv_stem.weight"] = (8, 3, 3, 3)
    said = refusal(shapes)
    assert "nearest to a MobileNetV3-Small" in said
    assert "blocks.9.0.conv.weight is extra" in said
    assert "(blocks.1.0.bn2.running_mean) is missing" in said
    assert "conv_stem.weight has shape (3, 3, 3, 8), not (3, 3, 3, 16)" in said


def test_what_belongs_to_no_encoder_is_counted():
    shapes = shapes_of(DINO) | {"mask_token": (1, 384)}
    source, _ = fitted(shapes)
    assert source.left == {"head": 2, "mask token": 1}
    source, _ = fitted(shapes_of(NET))
    assert source.left["classifier"] == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reg_token": (1, 4, 384)}, "register tokens"),
        ({"pos_embed": (1, 16, 384)}, "a position embedding|has 16 places"),
        ({"patch_embed.proj.weight": (192, 3, 16, 16)}, "192 dimensions"),
        ({"blocks.0.attn.qkv.weight": (100, 384)}, "qkv.weight has shape"),
    ],
)
def test_transformers_of_another_structure(changes, words):
    with pytest.raises(ValueError, match=words):
        fitted(shapes_of(DINO) | changes)


def test_names_of_no_library(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, first=np.ones(3))
    with pytest.raises(ValueError, match=r"neither of PyTorch .* nor of Keras"):
        opened.read(str(path))


def test_timms_config_tells_what_names_cannot(tmp_path):
    path = str(tmp_path / "model.safetensors")
    _, fit = fitted(shapes_of(NET), path)
    assert (fit.model.padding, fit.model.norm_epsilon) == ("symmetric", 1e-5)
    assert any("--set model.NAME=VALUE" in note for note in fit.notes)
    facts = {
        "architecture": "tf_mobilenetv3_small_100",
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
    }
    (tmp_path / "config.json").write_text(json.dumps(facts))
    _, fit = fitted(shapes_of(NET), path)
    assert (fit.model.padding, fit.model.norm_epsilon) == ("same", 0.0)
    assert fit.model.normalization == "inception"
    assert not any("--set" in note for note in fit.notes)
    facts["pretrained_cfg"]["mean"] = [0.1] * 3
    (tmp_path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"mean \[0.1"):
        fitted(shapes_of(NET), path)
    (tmp_path / "config.json").write_text("[]")  # Another program's.
    known = {"normalization": "imagenet"}
    assert timm_config.fields(path, known) == ({}, False)


def test_the_file_imported_and_its_pixels_kept(state, tmp_path, capsys):
    path = weight_files.write(tmp_path / "resnet18.safetensors", state)
    workdir = str(tmp_path / "run")
    line = ["import", path, f"--workdir={workdir}"]
    assert cli.main([*line, "--set", "model.normalization=clip"]) == 0
    said = capsys.readouterr().out
    assert "ResNet-18 x1, torchvision stem" in said
    assert "linear head of 1,000 classes" in said
    trained = weights.load_encoder(workdir)
    assert trained.normalization == "clip"
    assert trained.config.model.shortcut == "where_needed"
    # Where the file's own is right the features are the original's.
    workdir = str(tmp_path / "own")
    assert cli.main(["import", path, f"--workdir={workdir}"]) == 0
    trained = weights.load_encoder(workdir)
    assert run_folder.read_config(workdir).model.normalization == "imagenet"
    golden = weight_files.GOLDEN["resnet18/h"]
    h = trained.model(drawn_weights.images(64, count=2)).numpy()[:, ::8]
    np.testing.assert_allclose(h, golden, atol=1e-4 * golden.max())
