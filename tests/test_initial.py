"""Starting from weights: what fits is loaded, the rest is named."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.models.encoders.resnet import resnet
from simclr.models.heads import linear_probe, projection_head
from simclr.models.variables import named_variables
from simclr.runs import checkpoint, weight_arrays
from simclr.runs import folder as run_folder
from simclr.training import loop, negatives, start
from tests import tiny


def models(classes=4, depth=18, head_layers=2):
    encoder = resnet(depth=depth, width=0.125)
    features = encoder.output["h"].shape[-1]
    return {
        "encoder": encoder,
        "head": projection_head(features, 16, head_layers),
        "probe": linear_probe(features, classes),
    }


def weights(parts):
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=v.shape).astype(np.float32)
        for name, v in named_variables(**parts).items()
    }


def test_all_of_it_is_loaded():
    parts = models()
    given = weights(parts)
    lines = start.start_from(given, parts)
    assert lines == [f"{role}: loaded" for role in parts]
    for name, variable in named_variables(**parts).items():
        np.testing.assert_array_equal(variable, given[name])


def test_a_memory_starts_anew():
    """Its nets from the weights' online nets, its projections from none."""
    online, anew = models(), models()
    parts = (
        online
        | negatives.MomentumNegatives(
            [online["encoder"], online["head"]],
            [anew["encoder"], anew["head"]],
            size=4,
            momentum=0.9,
            final_momentum=0.9,
            total_steps=1,
        ).models
    )
    with_memory = weights(parts)
    without = {k: v for k, v in with_memory.items() if "mem" not in k}
    for given in (with_memory, without):
        lines = start.start_from(given, parts)
        assert lines[3:] == [
            "momentum_encoder: starts as the encoder",
            "momentum_head: starts as the head",
            "negatives: starts empty",
        ]
        named = named_variables(**parts)
        for role in ("encoder", "head"):
            for variable in parts[role].variables:
                name = f"{role}/{variable.path}"
                np.testing.assert_array_equal(named[name], given[name])
                np.testing.assert_array_equal(
                    named[f"momentum_{name}"], given[name]
                )
        assert not named["negatives/queue/projections"].numpy().any()
        assert named["negatives/queue/filled"] == 0


def test_another_number_of_classes_gets_a_new_probe():
    parts = models(classes=7)
    before = parts["probe"].kernel.numpy()
    lines = start.start_from(weights(models(classes=4)), parts)
    assert lines[2] == (
        "probe: 0 of 2 variables loaded; 2 new: probe/probe/kernel "
        "((64, 7), the weights' is (64, 4)), probe/probe/bias ((7,), the "
        "weights' is (4,))"
    )
    np.testing.assert_array_equal(parts["probe"].kernel, before)


def test_a_deeper_head_names_what_is_new_and_what_is_not_used():
    parts = models(head_layers=3)
    given = weights(models(head_layers=2))
    line = start.start_from(given, parts)[1]
    assert line.startswith("head: 9 of 14 variables loaded; 5 new: ")
    assert "head/layer2_dense/kernel ((64, 64))" in line
    line = start.start_from(weights(models(head_layers=3)), models())[1]
    assert "; 5 not used: head/layer2_dense/kernel, " in line
    assert line.endswith(", ...") and line.count("head/") == 3


def test_without_a_head_it_stays_new():
    parts = models()
    given = {k: v for k, v in weights(parts).items() if "encoder/" in k}
    lines = start.start_from(given, parts)
    assert lines[1] == "head: new, the weights have none"
    without = {"encoder": parts["encoder"]}
    assert "probe: not used here" in start.start_from(weights(parts), without)


def test_another_encoder_is_refused():
    with pytest.raises(ValueError, match=r"does not fit: .* is missing"):
        start.start_from(weights(models()), models(depth=34))


def test_a_run_starts_from_another_ones_weights(tmp_path, capsys):
    """At step 0, with a fresh optimizer; resumed later it does so no more."""
    photos = tiny.write_photos(tmp_path / "photos")
    config = tiny.config(
        photos,
        epochs=1,
        train=dataclasses.replace(tiny.CONFIG.train, eval_epochs=0),
    )
    strategy = tf.distribute.get_strategy()
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    loop.train(config, first, strategy)
    trained = checkpoint.read_newest(run_folder.checkpoints(first))[1]

    config = dataclasses.replace(
        config,
        init=first,
        optimizer=dataclasses.replace(config.optimizer, base_lr=1e-9),
    )
    loop.train(config, second, strategy)
    assert "encoder: loaded" in capsys.readouterr().err
    step, moved = checkpoint.read_newest(run_folder.checkpoints(second))
    assert step == 5
    kernel = "encoder/stem_conv/kernel"
    np.testing.assert_allclose(moved[kernel], trained[kernel], atol=1e-6)
    momentum = next(name for name in moved if "momentum" in name)
    assert not np.allclose(moved[momentum], trained[momentum])
    loop.train(config, second, strategy)
    assert "Weights" not in capsys.readouterr().err


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="There is no"):
        weight_arrays.read_weights(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="no checkpoint yet"):
        weight_arrays.read_weights(str(tmp_path))
    (tmp_path / "x.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        weight_arrays.read_weights(str(tmp_path / "x.npz"))
