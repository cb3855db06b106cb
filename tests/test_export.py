"""simclr export: files that say what the run says, without this package."""

import json
import os
import pathlib
import re
import subprocess
import threading
import urllib.request

import keras
import numpy as np
import onnx
import pytest

from simclr import __main__ as cli
from simclr.config import Model
from simclr.data.images.center_crop import center_view
from simclr.data.images.decode import decode
from simclr.engines import startup
from simclr.export import check, fresh, preprocessing
from simclr.export import net as nets
from simclr.export.formats import FORMATS
from simclr.messages.errors import InputError
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder
from tests import tiny, tiny_classifier, tiny_encoder, tiny_pretrained

SHAPES = ((17, 31), (200, 100), (16, 16), (9, 300), (64, 64), (250, 333))
# One of each family, as small as it gets.
BACKBONES = {
    "resnet": Model(depth=18, width=0.125, stem="torchvision"),
    "sk": Model(depth=50, width=0.125, stem="imagenet", sk_ratio=0.0625),
    "se": Model(depth=10, width=0.125, stem="cifar", se_ratio=0.25),
    "mobilenet_v3_small": Model(name="mobilenet_v3_small"),
    "efficientnet_v2_b0": Model(name="efficientnet_v2_b0"),
    "efficientnet_lite0": Model(name="efficientnet_lite0"),
    "convnext_tiny": Model(name="convnext_tiny"),
    "vit_small": Model(name="vit_small"),
    "vit_learned": Model(
        name="vit_small", position_grid=7, layer_scale=True, patch=16
    ),
}
LARGE = ("convnext_tiny", "efficientnet_v2_b0")  # As in test_encoders.py.


def images(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes
    ]


NAMES = ("cat, black", 'dög "B"')  # As people call classes.


@pytest.fixture
def in_this_process(monkeypatch):
    """The check's process is others' to test: TensorFlow starts in 5 s."""

    def run(command, **_):
        fresh.main(*command[2:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)


def say(capsys, *line):
    """(status, standard output, last line of the errors)."""
    status = cli.main([str(word) for word in line])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, (said.err.splitlines() or [""])[-1]


@pytest.mark.parametrize("size", [16, 32, 64, 224])
def test_the_preprocessing_is_evaluations(size):
    """At most 2e-6, of pixels in [0, 1], whatever an image's size."""
    model = preprocessing.build(size)
    for image in images(*SHAPES, (size, size), (size, size + 1)):
        views = model.predict_on_batch(np.stack([image, image[::-1]]))
        np.testing.assert_allclose(
            views[0], center_view(image, size), atol=2e-6
        )
        np.testing.assert_allclose(
            views[1], center_view(image[::-1], size), atol=2e-6
        )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else [])
        for n in BACKBONES
    ],
)
def test_a_net_of_keras_alone_is_ours(name, tmp_path):
    run = tiny_pretrained.write(tmp_path, BACKBONES[name])
    net = nets.build(weights.load_parts(run))
    shown = images((17, 31), (200, 100))
    expected = nets.expected(net, shown)
    assert set(expected) == {"features", "projection"}
    for i, image in enumerate(shown):
        said = net.model.predict_on_batch(image[None])
        for key, value in expected.items():
            difference = np.abs(said[key][0] - value[i]).max()
            assert difference <= check.BOUND * np.ptp(value), (key, difference)
    ours = {type(x).__module__ for x in net.model._flatten_layers()}
    assert not any(module.startswith("simclr") for module in ours)


def test_a_run_in_bfloat16_is_exported_in_float32(
    tmp_path, capsys, in_this_process
):
    """And compared in float32, or no file would be near enough."""
    run = tiny_pretrained.write(
        tmp_path, BACKBONES["se"], 16, precision="mixed_bfloat16"
    )
    status, _, error = say(capsys, "export", run, "--format=keras")
    assert status == 0, error
    model = keras.models.load_model(os.path.join(run, "export", "model.keras"))
    assert {w.dtype for w in model.weights} == {"float32"}
    assert {x.compute_dtype for x in model._flatten_layers() if x.weights} == {
        "float32"
    }


@pytest.mark.parametrize("kind", ["onnx", "litert"])
def test_a_format_alone(kind, tmp_path, capsys, in_this_process):
    """It does not live on what another one left: Keras wants a called net."""
    run = tiny_encoder.write(tmp_path, "photos")
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "classes.json").write_text("of another run")
    status, _, error = say(capsys, "export", run, f"--format={kind}")
    assert status == 0, error
    assert set(os.listdir(os.path.join(run, "export"))) == {
        FORMATS[kind][0],
        "MODEL_CARD.md",
    }


def test_a_checkpoint_of_a_run(tmp_path, capsys, in_this_process):
    """Not the newest one; the files stand in the run's folder."""
    run = tiny_pretrained.write(tmp_path / "run", BACKBONES["se"], 16)
    folder = run_folder.checkpoints(run)
    step, arrays = checkpoint.read_newest(folder)
    checkpoint.save(folder, step + 4, {k: 0 * x for k, x in arrays.items()})
    path = checkpoint.path_of(folder, step)
    export = os.path.join(run, "export")
    os.mkdir(export)
    pathlib.Path(export, "model.onnx").write_text("of another step")
    status, out, error = say(capsys, "export", path, "--format=keras")
    assert status == 0, error
    assert "Left      model.onnx: of an older export, not in the card" in error
    assert out.startswith(os.path.join(export, "model.keras"))
    card = pathlib.Path(export, "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"from step {step} of the" in card
    said = fresh.load_keras(os.path.join(export, "model.keras"))
    assert np.ptp(said(np.stack(images((16, 16))))["features"]) > 0


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(run folder, its export's folder)."""
    folder = tmp_path_factory.mktemp("export")
    run = tiny_classifier.write(folder / "run", "photos", NAMES)
    source = tiny.write_photos(folder / "photos", count=6, side=33)
    status = cli.main(["export", run, f"--data={source}"])
    assert status == 0
    return run, os.path.join(run, "export")


def test_what_is_written(exported):
    _, out = exported
    names = {name for name, _ in FORMATS.values()}
    assert set(os.listdir(out)) == names | {"classes.json", "MODEL_CARD.md"}
    with open(os.path.join(out, "classes.json"), encoding="utf-8") as file:
        assert json.load(file) == list(NAMES)
    [told] = onnx.load(os.path.join(out, "model.onnx")).metadata_props
    assert told.key == "class_names" and json.loads(told.value) == list(NAMES)
    with open(os.path.join(out, "MODEL_CARD.md"), encoding="utf-8") as file:
        card = file.read()
    for words in ("ResNet-10", "photos", "simclr evaluate", "tensorflow 2"):
        assert words in card


@pytest.mark.parametrize("kind", FORMATS)
def test_any_size_and_batch(exported, kind):
    run, out = exported
    net = nets.build(weights.load_parts(run))
    said = fresh.LOADERS[kind](os.path.join(out, FORMATS[kind][0]))
    for n, shape in ((1, (17, 31)), (3, (200, 100)), (2, (16, 16))):
        shown = images(*[shape] * n, seed=n)
        answers = said(np.stack(shown))
        for key, value in nets.expected(net, shown).items():
            np.testing.assert_allclose(answers[key], value, atol=2e-5)


def test_jpeg_bytes_and_class_names(exported):
    run, out = exported
    net = nets.build(weights.load_parts(run))
    shown = images((40, 30), (33, 50))
    data = [check._jpeg(image) for image in shown]
    said = fresh.load_savedmodel(
        os.path.join(out, "saved_model"), "jpeg", "jpeg"
    )(data)
    names = [name.decode() for name in said["class_names"].numpy()]
    assert names == list(NAMES)
    expected = nets.expected(net, [decode(x) for x in data])
    np.testing.assert_allclose(
        said["features"], expected["features"], atol=2e-5
    )


def shown_in_docs(word):
    """The block of Python in docs/export.md that has a word."""
    text = pathlib.Path("docs/export.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    [block] = [block for block in blocks if word in block]
    return block


def test_the_loaders_of_the_docs(exported, monkeypatch):
    _, out = exported
    code = shown_in_docs("get_signature_runner")
    monkeypatch.chdir(out)
    assert code.count("answers = ") == 4
    names = {}
    for line in re.split(r"(?=^answers = )", code, flags=re.M):
        exec(line, names)
        if "answers" in names:
            assert np.shape(names["answers"]["probabilities"]) == (2, 2)


def test_jpeg_in_the_docs(exported, monkeypatch, tmp_path):
    _, out = exported
    code = shown_in_docs('signatures["jpeg"]')
    monkeypatch.chdir(tmp_path)
    os.symlink(os.path.join(out, "saved_model"), "saved_model")
    pathlib.Path("photo.jpg").write_bytes(check._jpeg(*images((40, 30))))
    names = {}
    exec(code, names)
    assert np.shape(names["answers"]["probabilities"]) == (1, 2)


def test_the_server_of_the_docs(exported, monkeypatch):
    _, out = exported
    shown = shown_in_docs("http.server")
    monkeypatch.chdir(out)
    code, _, last = shown.rpartition("\nserver.")
    assert last.strip() == "serve_forever()"
    names = {}
    exec(code.replace("8000", "0"), names)
    server = names["server"]
    names["Handler"].log_message = lambda *_: None
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    [image] = images((40, 30))
    url = f"http://localhost:{server.server_port}"
    with urllib.request.urlopen(url, check._jpeg(image)) as answer:
        told = json.load(answer)
    thread.join()
    server.server_close()
    assert sum(told["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert len(told["features"]) == 64


def test_a_file_that_differs_is_not_kept(tmp_path, capsys, monkeypatch):
    run = tiny_encoder.write(tmp_path / "run", "photos")
    whole = nets.expected

    def other(net, shown):
        return {k: x + 1e-3 * np.ptp(x) for k, x in whole(net, shown).items()}

    os.mkdir(tmp_path / "out")
    (tmp_path / "out" / "model.keras").write_text("of an older export")
    monkeypatch.setattr(nets, "expected", other)
    status, _, error = say(
        capsys, "export", run, "--format=keras", f"--out={tmp_path / 'out'}"
    )
    assert status == 2 and "keras: its outputs differ by 1.0e-03" in error
    assert not os.path.exists(tmp_path / "out" / "model.keras")
    assert not [n for n in os.listdir(tmp_path / "out") if n[0] == "."]


def test_bad_calls_say_so_in_one_line(tmp_path, capsys, monkeypatch):
    run = tiny_encoder.write(tmp_path / "run", "photos")
    planes = tiny_pretrained.write(
        tmp_path / "planes", Model(depth=10, width=0.125, extra_planes=2)
    )
    for words, expected in (
        ((run, "--format=pickle"), "--format=pickle: choose of"),
        ((tmp_path / "none",), "none"),
        ((run, "--data=missing"), "missing"),
        ((planes, "--format=keras"), "planes beside the colours"),
    ):
        status, out, error = say(capsys, "export", *words)
        assert status == 2 and expected in error and not out

    def refuse():
        raise InputError("not yet")

    with monkeypatch.context() as patched:  # TensorFlow logs if not started so.
        patched.setattr(startup, "start_tensorflow", refuse)
        assert say(capsys, "export", run)[2].endswith("not yet")
        assert "config.json" in say(capsys, "export", tmp_path)[2]
    [found] = [p for p in os.listdir(run_folder.checkpoints(run)) if "4" in p]
    path = os.path.join(run_folder.checkpoints(run), found)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)
    status, out, error = say(capsys, "export", run, "--format=keras")
    assert status == 2 and "no whole checkpoint" in error


def test_nan_does_not_pass():
    assert not check.passed(float("nan"))
    assert not check.passed("it does not load")
    assert check.passed(check.BOUND)


def test_outputs_that_hardly_vary_may_differ_by_float32s_rounding():
    """Probabilities of a net that learnt nothing: 0.5 within 0.001."""
    assert check.range_of(np.float32([0.5, 0.501])) == pytest.approx(0.0501)
    assert check.range_of(np.float32([-1.0, 3.0])) == 4
    assert check.range_of(np.zeros(2, np.float32)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_in_every_format(
    name, tmp_path, capsys, in_this_process
):
    run = tiny_pretrained.write(tmp_path / "run", BACKBONES[name])
    photos = tiny.write_photos(tmp_path / "photos", count=4)
    status, out, error = say(capsys, "export", run, f"--data={photos}")
    assert status == 0, error
    assert out.count("by at most") == len(FORMATS)
