"""One way to read weights: a plain Keras model and what its images must be."""

import dataclasses
import pathlib
import random
import re

import keras
import numpy as np
import pytest

from simclr.commands.train import run_stages
from simclr.models.variables import named_variables
from simclr.runs import checkpoint, weight_arrays, weights
from simclr.runs import folder as run_folder
from simclr.training.tasks import TASKS
from tests import tiny, tiny_classifier

ROOT = pathlib.Path(__file__).parent.parent
PRECISIONS = ["float32", "mixed_bfloat16", "float64"]


def in_precision(precision, **changes):
    train = dataclasses.replace(tiny.CONFIG.train, precision=precision)
    return tiny.config("photos", train=train, **changes)


def images(n=3, seed=0):
    return np.random.default_rng(seed).random([n, 16, 16, 3], np.float32)


def write_run(workdir, config, facts=(), step=7):
    """A run as pretrain leaves it; returns its task, too."""
    task = TASKS[config.task](config, num_examples=64, num_classes=3)
    rng = np.random.default_rng(0)
    for name, variable in task.state.items():
        if "moving_" in name:  # Or else inference could not be told apart.
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    facts = {"data": {"images": 64, "fingerprint": ""}, **dict(facts)}
    with run_folder.open_run(str(workdir), config, facts):
        folder = run_folder.checkpoints(str(workdir))
        checkpoint.save(folder, step, task.state)
    return str(workdir), task


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_encoder_is_the_runs(tmp_path, precision):
    run, task = write_run(
        tmp_path, in_precision(precision), {"classes": ["a", "b", "c"]}
    )
    found = weights.load_encoder(run)
    arrays = checkpoint.read_newest(run_folder.checkpoints(run))[1]
    named = named_variables(encoder=found.model)
    assert {n for n in arrays if n.startswith("encoder/")} == set(named)
    for name, variable in named.items():
        np.testing.assert_array_equal(variable, arrays[name])
    h = found.model(images())
    expected = task.encoder(images(), training=False)["h"]
    np.testing.assert_array_equal(h, expected)
    assert h.dtype == ("float64" if precision == "float64" else "float32")
    assert (found.step, found.image_size) == (7, 16)
    assert found.normalization == "none" and found.class_names is None
    assert found.config == run_folder.read_config(run)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("from_layer", [0, 1])
def test_a_classifier_is_the_runs(tmp_path, precision, from_layer):
    config = in_precision(precision, task="finetune", init="somewhere")
    settings = dataclasses.replace(config.classifier, from_layer=from_layer)
    config = dataclasses.replace(config, classifier=settings)
    run, task = write_run(tmp_path, config, {"classes": ["a", "b", "c"]})
    found = weights.load_classifier(run)
    logits = found.model(images())
    np.testing.assert_array_equal(logits, task.classifier.logits(images()))
    assert logits.dtype == ("float64" if precision == "float64" else "float32")
    assert found.class_names == ["a", "b", "c"] and found.num_classes == 3
    assert set(named_variables(**found.models)) == {
        name for name in task.state if not name.startswith("optimizer/")
    }
    # A later stage's encoder is as good as a first one's.
    h = weights.load_encoder(run).model(images())
    expected = task.classifier.models["encoder"](images(), training=False)["h"]
    np.testing.assert_array_equal(h, expected)


def test_an_imports_classifier_is_its_linear_head(tmp_path):
    facts = {
        "classes": None,
        "imported": {"probe_input": "layer1", "num_classes": 3},
    }
    run, task = write_run(tmp_path, tiny.config("photos"), facts)
    found = weights.load_classifier(run)
    assert found.class_names is None and found.num_classes == 3
    h = task.encoder(images(), training=False)["h"]
    expected = task.linear(task.head(h, training=False)["layer1"])
    np.testing.assert_allclose(found.model(images()), expected, rtol=1e-5)


def test_a_checkpoint_in_a_run_is_that_step(tmp_path):
    run, task = write_run(tmp_path / "run", tiny.config("photos"), step=3)
    old = checkpoint.paths(run_folder.checkpoints(run))[0]
    kernel = next(v for n, v in task.state.items() if n.endswith("/kernel"))
    kernel.assign(kernel + 1)
    checkpoint.save(run_folder.checkpoints(run), 9, task.state)
    assert weights.load_encoder(run).step == 9
    assert weights.load_encoder(old).step == 3
    assert weights.newest_step(run) == 9
    loose = tmp_path / "elsewhere" / "loose.npz"
    loose.parent.mkdir()
    loose.write_bytes(pathlib.Path(old).read_bytes())
    with pytest.raises(ValueError, match="is no run folder"):
        weights.load_encoder(str(loose))
    assert weight_arrays.read_weights(str(loose))  # To start from it is enough.


def test_a_linear_layer_follows_its_classes(tmp_path):
    """Into another order; classes that differ drop it, of a checkpoint too."""
    run = tiny_classifier.write(tmp_path, "photos", ("a", "b", "c"))
    file = checkpoint.paths(run_folder.checkpoints(run))[-1]
    theirs = checkpoint.read(file)[1]
    names = [f"classifier/classifier/{name}" for name in ("kernel", "bias")]
    for path in (run, file):
        arrays = weight_arrays.read_weights(path, ["c", "a", "b"])
        for name in names:
            expected = theirs[name][..., [2, 0, 1]]
            np.testing.assert_array_equal(arrays[name], expected)
        others = weight_arrays.read_weights(path, ["a", "b"])
        assert set(arrays) - set(others) == set(names)
    net = weights.load_classifier(run)
    other = weights.load_classifier(run, order=["c", "a", "b"])
    assert other.class_names == ["c", "a", "b"]
    expected = net.model(images()).numpy()[:, [2, 0, 1]]
    np.testing.assert_allclose(other.model(images()), expected, rtol=1e-5)


def test_fresh_weights_are_the_seeds(tmp_path):
    config = in_precision("mixed_bfloat16")
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy("mixed_bfloat16")
    expected = weights.build_encoder(config.model)
    keras.config.set_dtype_policy("float32")
    model = weights.encoder_from(config)
    for ours, theirs in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("damaged", [False, True])
def test_the_process_is_as_it_was(tmp_path, damaged):
    """Keras's precision and Python's random numbers, after an error, too."""
    run, _ = write_run(tmp_path, in_precision("mixed_bfloat16"))
    if damaged:
        wider = dataclasses.replace(tiny.CONFIG.model, width=0.25)
        config = in_precision("mixed_bfloat16", model=wider)
        run_folder.write(run, "config.json", weights.config_lib.to_json(config))
    random.seed(5)
    expected = random.random()
    random.seed(5)
    keras.config.set_dtype_policy("float64")
    if damaged:
        with pytest.raises(ValueError, match=r"does not fit.*has shape"):
            weights.load_encoder(run)
    else:
        weights.load_encoder(run)
    assert keras.config.dtype_policy().name == "float64"
    assert random.random() == expected


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(ValueError, match="is no run folder"):
        weights.load_encoder(str(tmp_path))
    run_folder.write(
        str(tmp_path), "config.json", weights.config_lib.to_json(tiny.CONFIG)
    )
    with pytest.raises(ValueError, match="has no checkpoint yet"):
        weights.load_encoder(str(tmp_path))


def test_a_pipeline_times_each_net_in_its_own_precision(
    tmp_path, monkeypatch, strategy
):
    """Not in that which the last stage has left to the process."""
    first, _ = write_run(tmp_path / "first", in_precision("float32"))
    last = tiny_classifier.write(tmp_path / "last", "photos")
    loaded = []

    def infer(model, strategy):
        loaded.append(model)
        return lambda batch: batch

    monkeypatch.setattr(run_stages, "Infer", infer)
    keras.config.set_dtype_policy("mixed_bfloat16")
    rows = run_stages._sizes({"first": first, "last": last}, strategy)
    assert rows["first"]["parameters"] < rows["last"]["parameters"]
    policies = {
        layer.dtype_policy.name
        for model in loaded
        for layer in model._flatten_layers()
    }
    assert policies == {"float32"}


def test_nothing_else_reads_weights():
    """State is read by who resumes; weights for use are read in one place."""
    reads = re.compile(r"\bcheckpoint\.read(_newest)?\(|\bread_newest\(")
    readers = {
        path.relative_to(ROOT / "simclr").as_posix()
        for path in (ROOT / "simclr").rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert readers == {
        "runs/weight_arrays.py",
        "runs/checkpoint.py",
        "training/loop.py",
        "pjrt/runner.py",
    }
