"""What may change when a run goes on, key by key, and what that does."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Config, Distill, values
from simclr.data.views.op import Ops
from simclr.messages.errors import InputError
from simclr.runs import checkpoint, continuing
from simclr.runs import folder as run_folder
from simclr.training import loop
from tests import tiny
from tests.test_training import losses, photos, rows, whole_run  # noqa: F401

ONE = tf.distribute.get_strategy
FACTS = {"data": {"images": 64, "fingerprint": "a", "labels": "b"}}
# Beside what anybody may change: more epochs, and where the same things lie.
MAY = {*continuing.FREE, "epochs", "data.source", "data.labels"}


def other(value):
    """Another value of the same kind; more of a number."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple):
        return (*value[:-1], other(value[-1])) if value else ("x",)
    return 1


@pytest.mark.parametrize("key", values.keys(Config))
def test_every_key(key):
    old = Config()
    changed = other(config_lib.get(old, key))
    if key.startswith("augment.view"):
        changed = Ops("crop, flip")
    part, _, name = key.rpartition(".")
    if part:
        changed = dataclasses.replace(getattr(old, part), **{name: changed})
    new = dataclasses.replace(old, **{part or name: changed})
    if key in MAY:
        change = continuing.compare("run", old, new, FACTS, FACTS)
        (line,) = change.lines
        assert line.startswith(f"{key}: ") and change.steps == (key == "epochs")
    else:
        with pytest.raises(InputError, match=f"another run .{key}: "):
            continuing.compare("run", old, new, FACTS, FACTS)


def test_nothing_changed():
    assert continuing.compare("run", Config(), Config(), FACTS, FACTS) is None


def test_fewer_epochs_are_another_run():
    new = dataclasses.replace(Config(), epochs=1.0)
    with pytest.raises(InputError, match=r"another run .epochs"):
        continuing.compare("run", Config(), new, FACTS, FACTS)


def test_other_labels_need_a_word():
    now = {"data": {**FACTS["data"], "labels": "c"}}
    both = ("run", Config(), Config(), FACTS, now)
    with pytest.raises(InputError, match="other labels; --new_images"):
        continuing.compare(*both)
    change = continuing.compare(*both, new_images=True)
    assert change.lines == ["labels: others than before"] and not change.steps


def test_a_student_of_an_encoder_keeps_its_images():
    """What it learns are principal components of its teacher's features."""
    now = {"data": {**FACTS["data"], "images": 65}}
    config = Config(task="distill_encoder")
    with pytest.raises(InputError, match=r"began with .64.* -> 65.*--init=run"):
        continuing.compare("run", config, config, FACTS, now, new_images=True)


def test_other_classes_are_another_run():
    now = {**FACTS, "classes": ["a"]}
    with pytest.raises(InputError, match="other classes"):
        continuing.compare(
            "run", Config(), Config(), FACTS, now, new_images=True
        )


def test_weights_may_lie_elsewhere_if_they_are_the_same():
    old = Config(task="distill", distill=Distill(teachers=("a", "b")))
    new = Config(task="distill", distill=Distill(teachers=("a", "c")))
    before = {**FACTS, "origins": {"a": "1", "b": "2"}}
    now = {**FACTS, "origins": {"a": "1", "c": "2"}}
    assert continuing.compare("run", old, new, before, now).lines
    for digest in ("3", None):
        now = {**FACTS, "origins": {"a": "1", "c": digest}}
        with pytest.raises(InputError, match="another run"):
            continuing.compare("run", old, new, before, now)
    now = {**FACTS, "origins": {"a": "3", "b": "2"}}
    with pytest.raises(InputError, match="other weights than a holds now"):
        continuing.compare("run", old, old, before, now)


def test_the_weights_that_it_began_with_are_behind_it():
    begun = Config(init="a")
    before = {**FACTS, "origins": {"a": "1"}}
    now = {**FACTS, "origins": {"a": "2"}}
    assert continuing.compare("run", begun, begun, before, now) is None


def test_more_epochs(photos, whole_run, tmp_path, capsys):  # noqa: F811
    """A finished run goes on; its rows stay, its rate follows the new end."""
    run = str(tmp_path / "run")
    shutil.copytree(whole_run, run)
    config = tiny.config(photos, epochs=6.0)
    assert loop.train(config, run, ONE()) == ""
    said = capsys.readouterr().err
    assert "Changed   epochs: 4.0 -> 6.0" in said
    assert "at step 17: the decay now ends at step 25, not 17" in said
    folder = run_folder.checkpoints(run)
    assert checkpoint.step_of(checkpoint.paths(folder)[-1]) == 25
    before, after = rows(whole_run), rows(run)
    assert after[: len(before)] == before and len(after) > len(before)
    assert np.isfinite(losses(run)).all()
    assert run_folder.is_finished(run)
    assert run_folder.read_config(run).epochs == 6.0
    (change,) = run_folder.read_facts(run)["changes"]
    assert change == {"step": 17, "what": ["epochs: 4.0 -> 6.0"]}
    assert loop.train(config, run, ONE()) == ""
    assert rows(run) == after
    assert "Changed" not in capsys.readouterr().err
    with pytest.raises(InputError, match="another run"):
        loop.train(tiny.config(photos), run, ONE())


def test_images_and_run_moved(photos, whole_run, tmp_path):  # noqa: F811
    """The same names elsewhere: nothing is trained, the run knows the place."""
    run, moved = str(tmp_path / "run"), tmp_path / "moved"
    shutil.copytree(whole_run, run)
    shutil.copytree(photos, moved)
    assert loop.train(tiny.config(moved), run, ONE()) == ""
    assert rows(run) == rows(whole_run)
    assert run_folder.read_config(run).data.source == str(moved)
    assert run_folder.is_finished(run)


def test_new_photos(photos, whole_run, tmp_path, capsys):  # noqa: F811
    run, grown = str(tmp_path / "run"), tmp_path / "photos"
    shutil.copytree(whole_run, run)
    tiny.write_photos(grown, count=96)
    config = tiny.config(grown)
    with pytest.raises(InputError, match=r"64 images -> 96.*--new_images"):
        loop.train(config, run, ONE())
    assert loop.train(config, run, ONE(), new_images=True) == ""
    assert "ends at step 25, not 17" in capsys.readouterr().err
    assert run_folder.read_facts(run)["data"]["images"] == 96
    assert len(losses(run)) > len(losses(whole_run))


def test_another_image_for_which_no_step_is_left(photos, whole_run, tmp_path):  # noqa: F811
    """It said "Done", and the run told of an image that it had not seen."""
    run, grown = str(tmp_path / "run"), tmp_path / "photos"
    shutil.copytree(whole_run, run)
    tiny.write_photos(grown, count=65)
    facts = run_folder.read_facts(run)
    with pytest.raises(InputError, match="none is left to train on them"):
        loop.train(tiny.config(grown), run, ONE(), new_images=True)
    assert run_folder.read_facts(run) == facts and run_folder.is_finished(run)
    config = tiny.config(grown, epochs=6.0)
    assert loop.train(config, run, ONE(), new_images=True) == ""
    assert run_folder.read_facts(run)["data"]["images"] == 65


def test_fewer_images_than_steps_done(photos, whole_run, tmp_path):  # noqa: F811
    run, fewer = str(tmp_path / "run"), tmp_path / "photos"
    shutil.copytree(whole_run, run)
    tiny.write_photos(fewer, count=32)
    config, facts = run_folder.read_config(run), run_folder.read_facts(run)
    with pytest.raises(InputError, match="Raise epochs"):
        loop.train(tiny.config(fewer), run, ONE(), new_images=True)
    assert run_folder.read_config(run) == config
    assert run_folder.read_facts(run) == facts and run_folder.is_finished(run)
