"""--init=FILE and --init=imagenet: a run that begins with published weights."""

import dataclasses

import keras
import numpy as np
import pytest

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.commands.train import early, starts
from simclr.config import Config, Model, stages, suggest
from simclr.messages.errors import InputError
from simclr.published import start
from simclr.published.families import applications
from simclr.runs import checkpoint, weight_arrays, weights
from simclr.runs import folder as run_folder
from tests import tiny, weight_files


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    state = weight_files.state("resnet18")
    return weight_files.write(folder / "resnet18.safetensors", state)


def say(capsys, *line):
    """(status, what was said, last line of the errors)."""
    status = cli.main([str(word) for word in line])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out + said.err, (said.err.splitlines() or [""])[-1]


@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_a_step_from_a_file(command, resnet18, tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=16)
    line = [command, f"--init={resnet18}", f"--data={photos}"]
    line += [f"--workdir={tmp_path / 'run'}", "--strategy=cpu"]
    settings = {
        "epochs": 1,
        "batch_size": 8,
        "data.image_size": 32,
        "optimizer.base_lr": 1e-9,
        "train.eval_epochs": 0,
    }
    for key, value in settings.items():
        line += ["--set", f"{key}={value}"]
    status, said, error = say(capsys, *line)
    assert status == 0, error
    assert "encoder: loaded" in said
    model = run_folder.read_config(tmp_path / "run").model
    assert (model.depth, model.shortcut) == (18, "where_needed")
    assert (model.stem, model.normalization) == ("torchvision", "imagenet")
    if command == "pretrain":
        assert model.head_layers > 0
    _, arrays = checkpoint.read_newest(
        run_folder.checkpoints(str(tmp_path / "run"))
    )
    np.testing.assert_allclose(
        arrays["encoder/group4_block2_conv2/kernel"],
        weight_files.state("resnet18")["layer4.1.conv2.weight"].transpose(
            2, 3, 1, 0
        ),
        atol=1e-5,
    )
    origins = run_folder.read_facts(tmp_path / "run")["origins"]
    assert origins[resnet18] == run_folder.weights_digest(resnet18)


def test_the_digest_is_of_the_content(tmp_path):
    path = tmp_path / "w.safetensors"
    digests = set()
    for value in (0, 1):
        weight_files.write(path, {"a.weight": np.float32([value] * 100)})
        digests.add(run_folder.weights_digest(str(path)))
    assert len(digests) == 2


def test_finetune_says_that_a_file_has_no_images(resnet18, capsys):
    status, _, error = say(capsys, "finetune", f"--init={resnet18}")
    assert status == 2
    assert "holds weights and no images: say --data=IMAGES" in error


def test_another_net_than_the_one_that_was_said(resnet18, tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=16)
    line = ["pretrain", f"--init={resnet18}", f"--data={photos}"]
    status, _, error = say(capsys, *line, "--set", "model.depth=50")
    assert status == 2
    assert "holds ResNet-18 x1, torchvision stem" in error
    assert "says ResNet-50 x1" in error


def test_a_recipe_may_name_it(resnet18):
    recipe = Config(init=resnet18, model=Model(depth=18))
    begun = starts.find("", recipe, [])
    assert begun.model.normalization == "imagenet"
    head = Model(depth=18, head_layers=2, head_dim=64)
    model = starts.encoder_of(head, begun)
    assert (model.head_layers, model.head_dim) == (2, 64)
    assert model.shortcut == "where_needed"
    assert starts.find("", Config(), []) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.pth", "There is no "),
        ("bad.npz", "not a whole"),
        ("net.onnx", "can be a teacher"),
    ],
)
def test_a_file_that_cannot_be_read(name, message, tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=16)
    if not name.startswith("gone"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 and no more")
    line = ["pretrain", f"--init={tmp_path / name}", f"--data={photos}"]
    status, _, error = say(capsys, *line)
    assert status == 2 and message in error and name in error


def test_checkpoints_of_ours_are_no_published_files(tmp_path):
    path = checkpoint.save(str(tmp_path), 3, {"encoder/x": np.ones(2)})
    assert not start.is_published(path)
    np.savez(tmp_path / "w.npz", **{"conv1.weight": np.ones(2)})
    assert start.is_published(str(tmp_path / "w.npz"))
    assert start.is_published("imagenet")
    assert not start.is_published("runs/photos")


def test_imagenet_says_which_file_to_put_where(tmp_path, monkeypatch):
    """Where there is no network and no file in Keras's cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def no_network(**options):
        assert options["weights"] == "imagenet"
        raise Exception("URL fetch failure on ...: None -- [Errno -2]")

    monkeypatch.setattr(keras.applications, "EfficientNetV2B0", no_network)
    with pytest.raises(ValueError) as error:
        applications.read(Model(name="efficientnet_v2_b0"))
    said = str(error.value)
    assert "put keras.applications' file efficientnetv2-b0_notop.h5 into " in (
        said
    )
    assert str(tmp_path / "models") in said and "\n" not in said


def test_imagenet_says_which_nets_there_are():
    with pytest.raises(ValueError, match="imagenet says no net here"):
        weights.load_encoder("imagenet")
    with pytest.raises(ValueError, match=r"no weights of resnet of depth 18"):
        applications.read(Model(depth=18))
    with pytest.raises(ValueError, match=r"no weights of vit_small, only of"):
        applications.read(Model(name="vit_small"))


def test_a_file_in_kerass_cache_is_enough(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    net = keras.applications.MobileNetV3Small(
        weights=None, include_top=False, input_shape=(64, 64, 3)
    )
    (tmp_path / "models").mkdir()
    path = (
        tmp_path
        / "models"
        / ("weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5")
    )
    net.save(path)
    model = Model(name="mobilenet_v3_small", stem="imagenet")
    arrays = weight_arrays.read_weights("imagenet", model=model)
    np.testing.assert_array_equal(
        arrays["encoder/stem_conv/kernel"], net.get_layer("conv").kernel
    )
    begun = starts.find("imagenet", Config(model=model), [])
    assert begun.model.normalization == "inception"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="does not hold the weights of Keras"):
        applications.read(model)


def test_a_pipeline_may_start_from_a_file(resnet18, tmp_path):
    """The stages after it have the file's encoder, too."""
    path = tmp_path / "stages.py"
    path.write_text(
        "from simclr.config import Config, Model\n"
        "from simclr.config.stages import Pipeline\n"
        "net = Model(depth=18, head_dim=64)\n"
        "pipeline = Pipeline(stages={\n"
        f"    'pretrain': Config(model=net, init={resnet18!r}),\n"
        "    'finetune': Config(task='finetune', model=net, init='pretrain'),\n"
        "    'small': Config(task='finetune', init='pretrain',\n"
        "                    model=Model(depth=10)),\n"
        "})\n"
    )
    said = stages.load(str(path))
    fitted = starts.with_published(said).stages
    for name in ("pretrain", "finetune"):
        assert fitted[name].model.shortcut == "where_needed"
        assert fitted[name].model.head_dim == 64
    assert fitted["small"].model == said.stages["small"].model
    path.write_text(path.read_text().replace("resnet18.safe", "gone.safe"))
    with pytest.raises(ValueError, match="builds on"):
        stages.load(str(path))


def test_pretraining_from_a_run_has_its_net_and_its_pixels(tmp_path):
    model = Model(
        name="efficientnet_lite0", stem="imagenet", normalization="imagenet"
    )
    model = dataclasses.replace(model, padding="symmetric", norm_epsilon=1e-5)
    run = str(tmp_path / "run")
    with run_folder.open_run(run, Config(model=model), {}):
        pass
    recipe = config_lib.load("configs/photos_from_imagenet.py")
    workdir = str(tmp_path / "new")
    begun = starts.find_net(run, recipe, [], workdir)
    assert starts.encoder_of(recipe.model, begun) == dataclasses.replace(
        recipe.model,
        normalization="imagenet",
        padding="symmetric",
        norm_epsilon=1e-5,
    )
    assert starts.find_net("", recipe, [f"init={run}"], workdir) == begun
    assert starts.find_net("", recipe, [], workdir) is None
    with pytest.raises(
        InputError, match=r"holds EfficientNet-Lite0.*ResNet-50"
    ):
        starts.find_net(run, None, ["model.depth=50"], workdir)


def test_a_run_goes_on_without_its_start(tmp_path):
    config = Config(init=str(tmp_path / "gone"), model=Model(depth=34))
    workdir = str(tmp_path / "run")
    with run_folder.open_run(workdir, config, {}):
        checkpoint.save(run_folder.checkpoints(workdir), 1, {})
    begun = starts.find_net(config.init, None, [], workdir)
    assert begun.model.depth == 34
    recipe = Config(init=config.init)
    data = config_lib.Data(source=str(tiny.write_photos(tmp_path / "photos")))
    early.require_ready(recipe, [], data=data, goes_on=True)
    with pytest.raises((InputError, OSError)):
        early.require_ready(recipe, [], data=data)


def test_suggestions_for_weights_are_gentle():
    """Not those for scratch, which lose what the weights know."""
    recipe = config_lib.load("configs/photos_from_imagenet.py")
    config, notes = suggest.gentle(
        Config(epochs=recipe.epochs), {"model": "a net", "epochs": "."}
    )
    assert config.start == recipe.start
    assert config.optimizer == recipe.optimizer
    assert "begins with" in notes["model"] and notes["epochs"] == "."
