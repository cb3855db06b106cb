"""Each class of error on the command line: one line, an exit status."""

import errno
import importlib.util
import os

import pytest
import tensorflow as tf

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.cli import line
from simclr.cli.command import Command
from simclr.commands.definition import command
from simclr.commands.use import scored
from simclr.config import stages
from simclr.messages.errors import InputError
from simclr.pjrt import runner
from simclr.runs import folder as run_folder
from tests import tiny


class Raising(Command):
    """A command that ends in an error."""

    def __init__(self, error, cause=None):
        super().__init__("")
        object.__setattr__(self, "error", (error, cause))

    @property
    def function(self):
        @command
        def fail():
            """Fails."""
            error, cause = self.error
            raise error from cause

        return fail


def in_traced_code():
    """An InputError as AutoGraph makes it of our own."""

    @tf.function
    def step():
        raise InputError("block=4 is too big.")

    with pytest.raises(InputError) as caught:
        step()
    return caught.value


def system(number):
    return OSError(number, os.strerror(number), "/some/file")


@pytest.mark.parametrize(
    "error, cause, status, said",
    [
        (InputError("Say --data."), None, 2, "Say --data."),
        (InputError("Bad."), ValueError("deep"), 2, "Bad."),
        (InputError("a\nb holds no run."), None, 2, "a\\nb holds no run."),
        (
            OSError(errno.ENOENT, "No such file", "/some\nfile"), None,
            2, "/some\\nfile: No such file",
        ),
        (OSError("x is empty"), None, 2, "x is empty"),
        (in_traced_code(), None, 2, "block=4 is too big."),
        (
            system(errno.ENOENT), None, 2,
            "/some/file: No such file or directory",
        ),
        (system(errno.EACCES), None, 2, "/some/file: Permission denied"),
        (system(errno.EISDIR), None, 2, "/some/file: Is a directory"),
        (
            system(errno.ENOSPC), None, 1,
            "OSError: /some/file: No space left on device (--debug shows more)",
        ),
        (FloatingPointError("step 3"), None, 1, "step 3"),
        (
            ValueError("2 is not 3"), None, 1,
            "ValueError: 2 is not 3 (--debug shows more)",
        ),
        (
            KeyError("name"), None, 1,
            "KeyError: 'name' (--debug shows more)",
        ),
        (
            RuntimeError("it broke\nhere"), ZeroDivisionError("by 0"), 1,
            "RuntimeError: it broke (caused by ZeroDivisionError: by 0) "
            "(--debug shows more)",
        ),
        (
            AssertionError(), None, 1,
            "AssertionError (--debug shows more)",
        ),
        (
            tf.errors.UnknownError(None, None, "InputError: bad image\nat x"),
            None, 2, "bad image",
        ),
        (
            RuntimeError("a worker died, OSError: disk gone"), None, 1,
            "RuntimeError: a worker died, OSError: disk gone (--debug shows "
            "more)",
        ),
        (
            OSError("x could not be prepared"), system(errno.ENOSPC), 1,
            "OSError: x could not be prepared (caused by OSError: [Errno 28] "
            "No space left on device: '/some/file') (--debug shows more)",
        ),
        (
            OSError("LanceError(IO): No space left (os error 28), a.rs:1"),
            None, 1,
            "OSError: LanceError(IO): No space left (os error 28), a.rs:1 "
            "(--debug shows more)",
        ),
    ],
)  # fmt: skip
def test_one_line_and_a_status(error, cause, status, said, capsys):
    commands = {"fail": Raising(error, cause)}
    assert line.main(["fail"], commands, str) == status
    assert capsys.readouterr().err == f"simclr: {said}\n"


def full_disk(path):
    raise system(errno.ENOSPC)


def fail_in_a_batch():
    """A full disk in a thread of tf.data."""
    images = tf.data.Dataset.range(1)
    images = images.map(lambda x: tf.py_function(full_disk, [x], tf.int64))
    next(iter(images))


def fail_in_a_trace():
    """A full disk while TensorFlow traces a step."""
    tf.function(lambda: full_disk(""))()


@pytest.mark.parametrize("fail", [fail_in_a_batch, fail_in_a_trace])
def test_a_full_disk_inside_tensorflow_is_a_fault(fail, capsys):
    with pytest.raises(Exception, match="No space left") as caught:
        fail()
    assert line.main(["fail"], {"fail": Raising(caught.value)}, str) == 1
    said = capsys.readouterr().err
    assert "No space left on device" in said and "--debug" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "error, status, said",
    [
        (system(errno.ENOSPC), 1, "OSError: /some/file: No space left on"),
        (system(errno.ENOENT), 2, "/some/file: No such file or directory"),
        (FloatingPointError("step 3"), 1, "step 3"),
    ],
)
def test_the_runner_has_the_same_rule(
    error, status, said, tmp_path, monkeypatch, capsys
):
    def train(run, **_):
        raise error

    monkeypatch.setattr(runner, "train", train)
    assert runner.main([str(tmp_path)]) == status
    assert capsys.readouterr().err.startswith(f"train.pyz: {said}")


def test_debug_raises():
    commands = {"fail": Raising(RuntimeError("it broke"))}
    with pytest.raises(RuntimeError, match="it broke"):
        line.main(["fail", "--debug"], commands, str)


@pytest.mark.parametrize(
    "text, said",
    [
        ("config = (", "line 1: SyntaxError: '(' was never closed"),
        ("x = 1\nconfig = Confg()", "line 2: NameError: name 'Confg' is not"),
        ("import not_there", "line 1: ModuleNotFoundError: No module named"),
        ("raise OSError('gone')", "line 1: OSError: gone"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        (
            "from simclr.config import Config\nconfig = Config(epoch=1)",
            "line 2: TypeError: ",
        ),
        ("recipe = 1", "does not set config = Config"),
    ],
)
def test_a_bad_recipe_is_bad_input(text, said, tmp_path, capsys):
    path = tmp_path / "recipe.py"
    path.write_text(text)
    assert cli.main(["pretrain", f"--config={path}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"simclr: {path}") and said in error
    assert len(error.splitlines()) == 1
    with pytest.raises(InputError, match=r"recipe\.py"):
        stages.load(str(path))


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[1]", "null", "[" * 99999),
        *('{"epochs": []}', '{"data": 3}', '{"x": 1}'),
    ],
)
def test_a_damaged_config_in_a_run_is_bad_input(text, tmp_path, capsys):
    (tmp_path / "config.json").write_text(text)
    for words in (["evaluate", tmp_path], ["finetune", f"--init={tmp_path}"]):
        assert cli.main([str(word) for word in words]) == 2
        assert f"simclr: {tmp_path}/config.json: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", "[" * 99999, None])
def test_damaged_facts_of_a_run_are_bad_input(text, tmp_path, capsys):
    config = config_lib.to_json(tiny.CONFIG)
    run_folder.write(str(tmp_path), "config.json", config)
    if text is not None:
        run_folder.write(str(tmp_path), "run.json", text)
    assert cli.main(["finetune", f"--init={tmp_path}"]) == 2
    assert "run.json" in capsys.readouterr().err


def test_results_that_are_damaged(tmp_path):
    for text in ("[", "[" * 99999):
        run_folder.write(str(tmp_path), "results.json", text)
        with pytest.raises(InputError, match=r"results\.json is damaged"):
            run_folder.read_json(str(tmp_path), "results.json")
        assert scored.before(tmp_path / "results.json", {}) is None


def has_package(name):
    return importlib.util.find_spec(name) is not None


def test_home_is_found_in_every_path(tmp_path, monkeypatch, capsys):
    """A path that the shell does not expand: --workdir=~/x in quotes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for words in (
        ["import", "~/no.pth", "--workdir=~/x"],
        ["evaluate", "~/run"],
        ["predict", "~/run", "~/photos"],
        ["finetune", "--init=~/run"],
        ["distill", "--teacher=~/run"],
        ["pipeline", "~/recipe.py"],
        ["check", "~/photos"],
        # These two ask for their packages first.
        *[["lower", "--workdir=~/run"]] * has_package("jax"),
        *[["compile", "--config=~/recipe.py"]] * has_package("libtpu"),
    ):
        assert cli.main(words) == 2
        said = capsys.readouterr().err
        assert str(tmp_path) in said, (words, said)
        assert "~" not in said, (words, said)
    tiny.write_photos(tmp_path / "photos", count=4)
    assert cli.main(["check", "~/photos", "--out=~/bad.csv"]) == 0
    assert cli.main(["prepare", "~/photos", "~/shards"]) == 0
    assert {"bad.csv", "shards"} <= set(os.listdir(tmp_path))
    assert not os.path.exists("~")


def test_a_file_where_a_folder_is_to_be(tmp_path, capsys):
    """The system says "File exists", of what the user wants to exist."""
    photos = tmp_path / "photos"
    tiny.write_photos(photos, count=4)
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "file").write_text("x")
    for name in ("gone", "file"):
        to = str(tmp_path / name)
        assert cli.main(["prepare", str(photos), to]) == 2
        said = capsys.readouterr().err
        assert f"{name}: it exists and is no folder" in said, said
