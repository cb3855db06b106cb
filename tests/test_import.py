"""simclr import, from the command line to a run that can be scored."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr import __main__ as cli
from simclr.models.encoders.resnet import resnet
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training.tasks import Pretrain
from tests import published_files, tiny

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "resnet.npz")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A TF1 checkpoint of a ResNet-18, 3-layer head, 10 classes, EMA copies."""
    folder = tmp_path_factory.mktemp("r18_1x_sk0")
    named = published_files.values("model")
    named = {published_files.tf1_name(n): v for n, v in named.items()}
    averages = {
        f"{name}/ExponentialMovingAverage": np.zeros_like(v)
        for name, v in named.items()
    }
    tensors = {**named, **averages, "global_step": np.int64(5)}
    path = published_files.write_tf1(folder / "model.ckpt-5", tensors)
    return path, named


def run(line, capsys):
    """(status, standard output, last line of the errors)."""
    status = cli.main([str(word) for word in line])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, (said.err.splitlines() or [""])[-1]


def test_from_a_checkpoint_to_a_picture(published, tmp_path, capsys):
    path, named = published
    workdir = tmp_path / "run"
    status, said, _ = run(["import", path, f"--workdir={workdir}"], capsys)
    assert status == 0
    for words in (
        "ResNet-18 x1, cifar stem; projection head of 3 layers to 128; "
        "linear head of 10 classes",
        "encoder 105, projection head 14, linear head 2: 121 of 243 tensors",
        "EMA copies 121, global step 1: 122 tensors",
        "the plain weights are taken",
    ):
        assert words in said

    config = run_folder.read_config(workdir)
    assert (config.model.depth, config.model.stem) == (18, "cifar")
    assert config.data.image_size == 32
    facts = run_folder.read_facts(workdir)
    assert facts["data"] == {"images": 0, "fingerprint": ""}
    assert facts["classes"] is None
    assert facts["imported"]["num_classes"] == 10
    assert any("1 % or 10 %" in note for note in facts["notes"])

    step, arrays = checkpoint.read(workdir / "checkpoints/step_000000000.npz")
    assert step == 0
    np.testing.assert_array_equal(
        arrays["encoder/stem_conv/kernel"], named["base_model/conv2d/kernel"]
    )

    # The names are those of a task that trains this net.
    task = Pretrain(config, num_examples=512, num_classes=10)
    checkpoint.assign(
        {
            name: variable
            for name, variable in task.state.items()
            if not name.startswith("optimizer/")
        },
        arrays,
    )

    photos = tiny.write_photos(tmp_path / "photos", count=40)
    status, _, error = run(["evaluate", workdir], capsys)
    assert (status, error.count("--data=IMAGES")) == (2, 1)
    line = ["evaluate", workdir, f"--data={photos}"]
    status, said, _ = run(line, capsys)
    assert status == 0
    assert "linear top-1" in said and "untrained encoder" in said
    for name in ("summary.png", "neighbours.png", "results.json"):
        assert os.path.getsize(workdir / name) > 100
    first = (workdir / "results.json").read_bytes()
    others = tiny.write_photos(tmp_path / "others", count=12)
    status, _, error = run(["evaluate", workdir, f"--data={others}"], capsys)
    assert status == 0, error
    assert (workdir / "results.json").read_bytes() == first
    scored = json.loads((workdir / "results_others.json").read_text())
    assert scored["images"]["look"]["count"] == 12


def test_golden_features_come_out_of_the_run(tmp_path, capsys):
    """A SavedModel folder, imported; its encoder in the run's checkpoint."""
    root, variables = published_files.objects(
        published_files.values("r18_cifar"),
        net_options=published_files.NETS["r18_cifar"],
    )
    exported = published_files.Published(root, variables)
    tf.saved_model.save(exported, str(tmp_path / "r18" / "saved_model"))
    workdir = tmp_path / "run"
    line = ["import", tmp_path / "r18", f"--workdir={workdir}"]
    status, said, _ = run(line, capsys)
    assert status == 0 and "no projection head" in said
    _, arrays = checkpoint.read_newest(run_folder.checkpoints(workdir))
    model = resnet(depth=18, stem="cifar")
    checkpoint.assign(named_variables(encoder=model), arrays)
    images = np.random.Generator(np.random.PCG64(999)).random((4, 32, 32, 3))
    expected = GOLDEN["r18_cifar_eval"]
    np.testing.assert_allclose(
        model(images.astype(np.float32))["h"],
        expected,
        rtol=1e-5,
        atol=1e-5 * np.abs(expected).max(),
    )


def test_another_run_is_never_overwritten(published, tmp_path, capsys):
    path, named = published
    workdir = tmp_path / "run"
    line = ["import", path, f"--workdir={workdir}"]
    assert run(line, capsys)[0] == 0
    newest = workdir / "checkpoints/step_000000000.npz"
    written = newest.stat().st_mtime_ns
    assert run(line, capsys)[0] == 0, "the same weights again"
    assert newest.stat().st_mtime_ns == written
    other = {**named, "base_model/conv2d/kernel": np.ones((3, 3, 3, 64))}
    other = {name: np.float32(v) for name, v in other.items()}
    path = published_files.write_tf1(tmp_path / "model.ckpt", other)
    status, _, error = run(["import", path, f"--workdir={workdir}"], capsys)
    assert status == 2 and "holds another run" in error
    assert newest.stat().st_mtime_ns == written


def test_a_cut_head_gets_a_new_end(published, tmp_path, capsys):
    """Fine-tuned nets may keep the first layer of the head alone."""
    _, named = published
    kept = {n: v for n, v in named.items() if "nl_1" not in n}
    kept = {n: v for n, v in kept.items() if "nl_2" not in n}
    path = published_files.write_tf1(tmp_path / "model.ckpt", kept)
    workdir = tmp_path / "run"
    assert run(["import", path, f"--workdir={workdir}"], capsys)[0] == 0
    facts = run_folder.read_facts(workdir)
    assert facts["imported"]["probe_input"] == "layer1"
    assert any("new, untrained" in note for note in facts["notes"])
    config = run_folder.read_config(workdir)
    assert config.model.head_layers == 2
    _, arrays = checkpoint.read_newest(run_folder.checkpoints(workdir))
    np.testing.assert_array_equal(
        arrays["head/layer1_dense/kernel"],
        named["head_contrastive/nl_0/dense/kernel"],
    )
    assert 0.009 < arrays["head/z_dense/kernel"].std() < 0.011


@pytest.mark.slow
def test_check_against_a_saved_model(published, tmp_path, capsys):
    """--check runs both; one weight apart is an error and writes nothing."""
    path, _ = published
    run(["import", path, f"--workdir={tmp_path / 'run'}"], capsys)
    _, arrays = checkpoint.read_newest(run_folder.checkpoints(tmp_path / "run"))
    module = tf.Module()
    module.net = resnet(depth=18, stem="cifar")
    variables = named_variables(encoder=module.net)
    checkpoint.assign(variables, {name: arrays[name] for name in variables})

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)]
    )
    def features(images):
        return {"final_avg_pool": module.net(images, training=False)["h"]}

    saved = str(tmp_path / "saved")
    tf.saved_model.save(module, saved, signatures={"default": features})
    line = ["import", path, f"--workdir={tmp_path / 'two'}"]
    status, said, _ = run([*line, f"--check={saved}"], capsys)
    assert status == 0 and "largest relative difference" in said

    variables["encoder/group4_block2_bn2/gamma"].assign_add(np.full(512, 0.01))
    tf.saved_model.save(module, saved, signatures={"default": features})
    line = ["import", path, f"--workdir={tmp_path / 'three'}"]
    status, _, error = run([*line, f"--check={saved}"], capsys)
    assert status == 1 and "differs by" in error
    assert not os.path.exists(tmp_path / "three")
    status, _, error = run([*line, f"--check={tmp_path}"], capsys)
    assert status == 2 and "--check=" in error


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "There is no checkpoint "),
        ("notes.txt", b"hello", "is no checkpoint: give"),
        ("folder", "folder", "is no checkpoint: give"),
        ("model.ckpt-1.index", b"hello", "is not a whole checkpoint"),
    ],
)
def test_what_is_no_checkpoint(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    workdir = tmp_path / "run"
    status, _, error = run(["import", path, f"--workdir={workdir}"], capsys)
    assert status == 2 and error.startswith("simclr: ") and message in error
    assert not workdir.exists()


def test_a_bucket_is_not_read_directly(capsys):
    status, _, error = run(["import", "gs://bucket/model.ckpt-1"], capsys)
    assert status == 2 and "gcloud storage cp" in error


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/w/r50_1x_sk0/model.ckpt-250228", "r50_1x_sk0"),
        ("/w/r50_1x_sk0/hub/", "r50_1x_sk0"),
        ("/w/r50/saved_model", "r50"),
        ("/w/resnet50.pth", "resnet50"),
    ],
)
def test_a_run_is_named_after_its_checkpoint(path, name):
    from simclr.commands.tools import imported

    assert imported._name(path) == name


def test_run_json_is_readable(published, tmp_path, capsys):
    path, _ = published
    run(["import", path, f"--workdir={tmp_path / 'run'}"], capsys)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["imported"]["left_out"] == {
        "EMA copies": 121,
        "global step": 1,
    }
    assert facts["notes"][0] == f"imported from {path} (TF1 checkpoint)"
