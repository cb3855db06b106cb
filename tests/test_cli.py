"""The command line: help, errors in one line, exit statuses."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from simclr import __main__ as cli
from simclr.cli.commands import COMMANDS
from simclr.cli.page import page
from simclr.engines import startup
from simclr.runs import folder as run_folder
from tests import tiny, tiny_classifier


def test_help_shows_that_commands_flags_only(capsys):
    assert cli.main(["check", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--out" in shown and "simclr check DATA" in shown
    assert "--workdir" not in shown and "--logtostderr" not in shown


@pytest.mark.parametrize(
    "name, text",
    [
        ("check", "a labels.csv (id,label), for DATA; docs/data.md has what"),
        ("pretrain", "labels.csv (id,label), for --data; docs/data.md has"),
        ("pretrain", "In Python also a dict.\n"),
        ("compile", "(default: v5e-8)\n"),
        ("doctor", "--debug  [bool] Show tracebacks and logs."),
    ],
)
def test_help_is_of_the_command_line(name, text, capsys):
    assert cli.main([name, "--help"]) == 0
    assert text in capsys.readouterr().out.replace("\n      ", " ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert cli.main([name, "-h"]) == 0
    assert capsys.readouterr().out.startswith(COMMANDS[name].summary)


def test_the_page_of_commands_is_up_to_date():
    """`python -m simclr.cli.page > docs/commands.md` makes it so."""
    with open("docs/commands.md") as file:
        text = file.read()
    assert text == page(COMMANDS) and "`--debug`" in text


def test_overview(capsys):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        call = " ".join(["simclr", name, *command.words])
        assert f"\n  {call} " in shown, "with a space before its words"


@pytest.mark.parametrize(
    "line, message",
    [
        ("pretrian", "Did you mean pretrain"),
        ("check", "usage: simclr check DATA"),
        ("pretrain photos", "got photos"),
        ("pretrain --lr=1", "Unknown command line flag"),
        ("pretrain --epochs=2", "It is a setting: --set epochs=VALUE."),
        ("pretrain --base_lr=2", "--set optimizer.base_lr=VALUE."),
        ("pretrain --batchsize=2", "Did you mean --set batch_size=VALUE?"),
        (
            "finetune --freeze=head",
            "--set start.freeze=VALUE or --set classifier.freeze=VALUE.",
        ),
        ("pretrain --max_hours=nan", "it must be a number of at least 0"),
        ("pretrain --set epochs=2 seed=1", "one --set for each setting"),
        ("select store -n many", "it must be a whole number of at least 1"),
        ("page store --port=99999", "a whole number from 0 to 65,535"),
        ("pretrain --strategy=ipu", "auto"),
        ("pretrain", "--data=FOLDER"),
        ("pretrain --config=nowhere.py", "No recipe at nowhere.py"),
        ("pretrain --data=/no/such/folder", "/no/such/folder"),
        (
            "pretrain --config=configs/demo.py --set model.deph=50",
            "Did you mean model.depth",
        ),
        (
            "pretrain --config=configs/demo.py --workdir=gs://bucket/run",
            "local disk",
        ),
        ("evaluate /no/such/run", "no run folder"),
        ("import", "usage: simclr import CHECKPOINT"),
        ("import /no/such/model.ckpt-1", "no checkpoint /no/such"),
    ],
)
def test_bad_input_is_one_line_and_status_2(line, message, capsys):
    assert cli.main(line.split()) == 2
    said = capsys.readouterr().err
    error = said.splitlines()[-1]  # After the plan of the run, if any.
    assert error.startswith("simclr: ") and message in error
    assert "Traceback" not in said


@pytest.mark.parametrize("line", ["--help", "study --list"])
def test_a_reader_that_leaves_is_no_fault(line, monkeypatch):
    def gone(*args, file=None, **kwargs):
        if file is None:
            raise BrokenPipeError

    monkeypatch.setattr("builtins.print", gone)
    with pytest.raises(BrokenPipeError):
        cli.main(line.split())


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="No recipe"):
        cli.main(["pretrain", "--config=nowhere.py", "--debug"])


def test_without_tensorflow_the_commands_name_the_extras(
    tmp_path, capsys, monkeypatch
):
    photos = tiny.write_photos(tmp_path / "photos", count=20)
    run = tiny_classifier.write(tmp_path / "run", photos)
    find_spec = "simclr.engines.startup.importlib.util.find_spec"
    monkeypatch.setattr(find_spec, lambda name: None)
    for line in (
        f"pretrain --data={photos}",
        f"finetune --init={run}",
        f"evaluate {run}",
        f"predict {run} {photos} --out={tmp_path}/out.csv",
        f"import {photos}",
    ):
        assert cli.main(line.split()) == 2
        said = capsys.readouterr().err
        for extra in ("cpu", "gpu", "tpu"):
            assert f"[{extra}]" in said


def test_tensorflow_is_imported_without_what_no_command_uses(monkeypatch):
    seen = {}

    def note(name):
        seen[name] = sys.modules.get("colorsys", "was not touched")

    monkeypatch.setattr(startup, "_EXTRAS", ("colorsys",))
    monkeypatch.setattr(startup, "_left_out", [])
    monkeypatch.setattr(startup.importlib, "import_module", note)
    for name in ("tensorflow", "colorsys"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    startup.start_tensorflow()
    assert seen == {"tensorflow": "was not touched"}
    startup.leave_extras_out()
    startup.start_tensorflow()
    assert seen == {"tensorflow": None}  # Its import would fail.
    assert "colorsys" not in sys.modules


@pytest.mark.parametrize(
    ("onednn", "gpus", "said"),
    [(False, [], True), (True, [], False), (False, ["one"], False)],
)
def test_a_tensorflow_that_is_slow_on_a_cpu_is_told_of(
    onednn, gpus, said, monkeypatch, capsys
):
    """Somebody imported it before simclr could set what it reads then."""
    from tensorflow.python.util import _pywrap_util_port

    monkeypatch.setattr(_pywrap_util_port, "IsMklEnabled", lambda: onednn)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    startup._say_if_slow.cache_clear()
    startup.start_tensorflow()
    startup.start_tensorflow()
    text = capsys.readouterr().err
    assert text.count("TF_ENABLE_ONEDNN_OPTS=1") == said
    startup._say_if_slow.cache_clear()


def test_check_and_prepare_need_no_tensorflow(tmp_path):
    photos = tiny.write_photos(tmp_path / "photos", count=20)
    code = f"""
import sys
sys.modules["tensorflow"] = None  # Whatever imports it fails.
from simclr.__main__ import main
assert main(["check", {str(photos)!r}]) == 0
assert main(["prepare", {str(photos)!r}, {str(tmp_path / "shards")!r}]) == 0
assert main(["check", {str(tmp_path / "shards")!r}]) == 0
shards = {str(tmp_path / "tfrecords")!r}
assert main(["prepare", {str(photos)!r}, shards, "--format=tfrecord"]) == 2
assert main(["prepare", {str(photos)!r}, shards]) == 0
assert main(["check", "tfds:mnist/test"]) == 2
assert main(["check", "gs://bucket/photos-*"]) == 2
assert main(["check", "tfrecord:gs://bucket/photos-*"]) == 2
"""
    said = python(code).stderr
    assert "remote paths need TensorFlow: pip install" in said
    assert said.count("TensorFlow is not installed: pip install") == 2
    assert "Traceback" not in said


def python(code, *words):
    """Runs a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr
    return done


def test_help_and_bad_input_do_not_import_tensorflow(tmp_path):
    run = str(tmp_path / "run")
    with run_folder.open_run(run, tiny.CONFIG, {"classes": None}):
        pass
    (tmp_path / "empty").mkdir()
    photos = tiny.write_photos(tmp_path / "photos", count=4)
    python(
        """
import sys
from simclr.__main__ import main
from simclr.cli.commands import COMMANDS
for line in (["--help"], *([name, "-h"] for name in COMMANDS)):
    assert main(line) == 0
slow = {"numpy", "PIL", "tqdm", "tensorflow", "keras", "jax"}
assert not slow & set(sys.modules), slow & set(sys.modules)
for line in (
    "pretrain --epochs=3",
    "pretrain --strategy=ipu",
    "pretrain --config=nowhere.py",
    "pretrain --config=configs/demo.py --set model.deph=50",
    "pretrain --data=no/such/folder",
    "pretrain --data=photos --set model.deph=50",
    "finetune --init=/no/such/run",
    "finetune --config=configs/demo.py",
    "distill",
    "distill --teacher=/no/such/run",
    "pipeline nowhere.py",
    "evaluate /no/such/run",
    "predict /no/such/run photos",
    "predict RUN docs",
    "evaluate RUN --classifier",
    "distill --teacher=RUN",
    "lower",
    "compile",
    "pretrain --data=docs --set loss.name=ntxent",
    "pretrain --config=configs/demo.py --set loss.name=ntxent",
    "pretrain --data=EMPTY",
    "pretrain --config=configs/demo.py --set data.source=EMPTY",
    "pretrain --config=configs/demo.py --eval_data=EMPTY",
    "pretrain --data=PHOTOS --labels=/no/labels.csv",
    "pretrain --data=PHOTOS --workdir=FILE",
    "pretrain --data=PHOTOS --workdir=FILE/run",
    "pretrain --data=PHOTOS --set batch_size=5",
    "pretrain --data=PHOTOS --set model.depth=19",
    "pretrain --config=configs/demo.py --set train.microbatch=7",
    "pretrain --config=configs/demo.py --data=PHOTOS",
    "finetune --init=RUN --from_scratch --data=PHOTOS --workdir=FILE",
    "distill --teacher=RUN --data=PHOTOS --workdir=FILE",
    "pipeline configs/pipelines/demo.py --data=PHOTOS --workdir=FILE",
    "pretrain --data=PHOTOS --init=/no/such/run",
    "pretrain --data=PHOTOS --set init=RUN",
    "finetune --init=RUN --data=PHOTOS",
    "finetune --init=RUN --from_scratch --data=EMPTY",
    "pipeline configs/pipelines/demo.py --data=EMPTY",
):
    names = "RUN", "EMPTY", "PHOTOS", "FILE"
    for name, path in zip(names, sys.argv[1:], strict=True):
        line = line.replace(name, path)
    assert main(line.split()) == 2, line
    assert "tensorflow" not in sys.modules, line
assert "keras" not in sys.modules
""",
        *(run, str(tmp_path / "empty"), str(photos), f"{run}/run.json"),
    )


def test_from_a_folder_to_a_picture(tmp_path, capsys):
    """The whole way: check, pretrain with a suggested recipe, evaluate."""
    photos = tiny.write_photos(tmp_path / "photos", count=80)
    assert cli.main(["check", str(photos)]) == 0
    run = str(tmp_path / "run")
    arguments = [
        "pretrain",
        f"--data={photos}",
        f"--workdir={run}",
        "--set=model.depth=10",
        "--set=model.width=0.125",
        "--set=epochs=1",
        "--set=epochs=2",
        "--set=data.image_size=16",
        "--set=model.stem=imagenet",
    ]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().err
    assert "Recipe    80 images, short side 24 pixels" in said
    assert "Set       epochs=2" in said and "views of" not in said
    assert "epochs=1" not in said, "a setting that another one replaced"
    assert "100 epochs" not in said, "a choice that a setting replaced"
    assert "views matched 0." in said, "the contrast's accuracy, and no other"
    assert cli.main(["evaluate", run]) == 0
    shown = capsys.readouterr().out
    for words in (
        "trained encoder",
        "raw pixels",
        "linear top-1",
        "uniformity",
    ):
        assert words in shown
    for name in ("summary.png", "neighbours.png", "results.json", "views.png"):
        assert os.path.getsize(os.path.join(run, name)) > 100


@pytest.mark.slow
def test_evaluates_photos_without_labels(tmp_path, capsys):
    photos = tiny.write_photos(tmp_path / "photos", count=40, classes=["all"])
    run = str(tmp_path / "run")
    arguments = [
        "pretrain",
        f"--data={photos}/all",
        f"--workdir={run}",
        "--set=model.width=0.125",
        "--set=epochs=1",
        "--set=data.image_size=16",
        "--set=model.stem=imagenet",
    ]
    assert cli.main(arguments) == 0
    assert cli.main(["evaluate", run, "--nobaselines"]) == 0
    shown = capsys.readouterr().out
    assert "no labels (--labels=labels.csv gives them)" in shown
    assert "effective rank" in shown and "kNN top-1" not in shown
