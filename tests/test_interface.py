"""The Python interface: the commands as functions, and a run as an object."""

import ast
import dataclasses
import inspect
import io
import os
import pathlib
import pydoc
import random
import signal
import subprocess
import sys
import threading
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
import tqdm

import simclr
from simclr import config as config_lib
from simclr.cli.commands import COMMANDS
from simclr.commands import definition, session
from simclr.engines import strategies
from simclr.inference import forward
from simclr.messages import progress, say
from simclr.messages.errors import InputError
from simclr.optimizers.schedules import total_steps
from simclr.runs import folder as run_folder
from simclr.training.tasks.task import Task
from tests import conftest, tiny, tiny_classifier, tiny_encoder

TINY = {
    "epochs": 2,
    "batch_size": 16,
    "model": {"depth": 10, "width": 0.125, "stem": "imagenet"},
    "set": {"data.image_size": 16, "train.log_steps": 1},
    "strategy": "cpu",
}
STEPS = total_steps(2, 40, 16)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


@pytest.fixture(scope="module")
def run(tmp_path_factory, photos):
    workdir = tmp_path_factory.mktemp("runs") / "photos"
    return simclr.pretrain(data=photos, workdir=workdir, quiet=True, **TINY)


def test_import_brings_no_tensorflow():
    code = (
        "import sys, simclr; simclr.pretrain; simclr.Run; simclr.load; "
        "simclr.Config; help(simclr.finetune); dir(simclr); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert simclr.losses.__name__ == "simclr.losses"
    assert simclr.optimizers.LARS
    with pytest.raises(AttributeError, match="petrain"):
        simclr.petrain  # noqa: B018


def test_a_run_is_trained_and_used(run, photos):
    assert isinstance(run, simclr.Run) and run.stopped == ""
    assert run.config.epochs == 2 and run.config.model.width == 0.125
    assert run.config.data.source == str(photos)
    assert run.metrics[-1]["step"] == STEPS
    vectors, ids = run.embed(photos)
    assert vectors.shape == (40, run.encoder.output_shape[-1])
    assert len(ids) == 40 and ids[0].endswith(".png")
    assert run.results == {}
    results = run.evaluate(baselines=False, quiet=True)
    assert run.results == results and results["rows"]


def test_arrays_of_images_are_those_of_a_folder(run, photos):
    vectors, ids = run.embed(photos)
    images = [
        keras.utils.img_to_array(
            keras.utils.load_img(photos / name), dtype="uint8"
        )
        for name in ids
    ]
    as_bytes, numbers = run.embed(images)
    assert numbers == [str(i) for i in range(40)]
    np.testing.assert_allclose(as_bytes, vectors, atol=1e-6)
    floats = np.stack(images).astype("float32") / 255
    np.testing.assert_allclose(run.embed(floats)[0], vectors, atol=1e-5)
    # The encoder itself, on what evaluation shows it.
    direct = run.encoder(tf.image.central_crop(floats, 1.0)[:, :16, :16])
    assert direct.shape == vectors[:, :].shape


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros([2, 8, 8, 3], "int64"), "int64"),
        (np.full([2, 8, 8, 3], 255.0), "from 255 to 255"),
        (np.zeros([8, 8, 3], "uint8"), r"\[n, h, w, 3\]"),
        (np.zeros([2, 0, 8, 3], "uint8"), r"\(0, 8, 3\) has no pixel"),
        ([np.zeros([8, 0, 3], "float32")], r"\(8, 0, 3\) has no pixel"),
        (np.zeros([0, 8, 8, 3], "uint8"), "array of images is empty"),
        ([], "array of images is empty"),
        (3, "an array of them, got 3"),
        ("/no/such/folder", "/no/such/folder"),
    ],
)
def test_bad_images(run, images, message):
    with pytest.raises((InputError, OSError), match=message):
        run.embed(images)


def test_a_classifier_names_classes(tmp_path, photos):
    workdir = tiny_classifier.write(tmp_path / "run", photos)
    classifier = simclr.load(workdir)
    names, probabilities, ids = classifier.predict(photos)
    assert len(names) == len(ids) == len(probabilities) == 40
    assert set(names) <= set(classifier.class_names)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    best = probabilities.argmax(axis=1)
    assert names == [classifier.class_names[i] for i in best]


def test_runs_follow_one_another(run, photos, tmp_path):
    teacher = simclr.finetune(
        init=run, workdir=tmp_path / "teacher", epochs=1, batch_size=16,
        strategy="cpu", quiet=True,
    )  # fmt: skip
    assert teacher.config.init == run.workdir
    student = simclr.distill(
        teacher=teacher, workdir=tmp_path / "student", epochs=1,
        batch_size=16, strategy="cpu", quiet=True,
    )  # fmt: skip
    assert student.config.distill.teachers == (teacher.workdir,)
    assert student.predict(photos).labels


@pytest.mark.slow
def test_quiet_prints_nothing(photos, tmp_path, capfd):
    run = simclr.pretrain(
        data=photos, workdir=tmp_path / "run", quiet=True, **TINY
    )
    run.evaluate(quiet=True)
    run.embed(photos, quiet=True)
    teacher = simclr.finetune(
        init=run, workdir=tmp_path / "teacher", epochs=1, batch_size=16,
        strategy="cpu", quiet=True,
    )  # fmt: skip
    simclr.distill(
        teacher=teacher, workdir=tmp_path / "student", epochs=1,
        batch_size=16, strategy="cpu", quiet=True,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_a_damaged_checkpoint_is_passed_over_without_a_word(
    photos, tmp_path, capfd
):
    workdir = tiny_encoder.write(tmp_path / "run", photos, step=4)
    folder = pathlib.Path(run_folder.checkpoints(workdir))
    (folder / "step_000000009.npz").write_bytes(b"half")
    vectors, _ = simclr.load(workdir).embed(photos, quiet=True)
    assert len(vectors) == 40 and capfd.readouterr() == ("", "")
    simclr.load(workdir).embed(photos)
    shown = capfd.readouterr()
    assert shown.out == "" and "Passing over a damaged" in shown.err


def test_what_training_calls_can_be_traced():
    """AutoGraph warns of a function that has a docstring alone."""
    function = tf.autograph.to_graph(Task.after_update)
    assert function(None, None, 0) is None


def test_whatever_is_shown_can_be_silenced():
    """print and tqdm are in messages/ alone; what needs neither apart."""
    apart = ("__main__", "cli/", "messages/", "pjrt/runner", "tpu/buffers")
    apart += ("engines/startup",)  # TensorFlow's own log, kept back.
    root = pathlib.Path(simclr.__file__).parent
    loud = [
        name
        for path in root.rglob("*.py")
        if not (name := path.relative_to(root).as_posix()).startswith(apart)
        and names_in(path.read_text("utf-8"))
        & {"print", "tqdm", "sys.stdout", "sys.stderr"}
    ]
    assert loud == []
    assert "print" in names_in("def f(warn=print): ...")


def names_in(code):
    """Names, imports and attributes of names that code uses."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(f"{getattr(node.value, 'id', '')}.{node.attr}")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {a.name for a in node.names}
    return found


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_quiet(name):
    assert "quiet" in {a.name for a in COMMANDS[name].arguments}


def test_bars_are_a_notebooks_own(monkeypatch):
    """Where ipywidgets is; else text, where a bar is seen as well."""
    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert progress.in_notebook()
    made = []

    def bar(iterable=None, **options):
        made.append(options["disable"])

    fake = types.SimpleNamespace(tqdm=bar)
    monkeypatch.setitem(sys.modules, "tqdm.notebook", fake)
    find = {"ipywidgets"}.intersection
    monkeypatch.setattr(
        progress.importlib.util, "find_spec", lambda name: find([name])
    )
    progress.progress_bar(total=3)
    assert made == [False]
    assert progress.progress_bar(total=3, shown=False).disable
    with say.silence():
        assert progress.progress_bar(total=3).disable
    find = set().intersection
    plain = progress.progress_bar(total=3, file=io.StringIO())
    assert isinstance(plain, tqdm.tqdm) and not plain.disable
    assert len(made) == 1
    ipython.get_ipython = lambda: None  # IPython imported by a script.
    assert not progress.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not progress.in_notebook()


@pytest.fixture
def replicas_of_nets(monkeypatch):
    """Of each net that looks at images, on how many replicas it does."""
    found = []

    class Watched(forward.Infer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            found.append(self.replicas)

    monkeypatch.setattr(forward, "Infer", Watched)
    return found


def test_images_are_shared_by_the_devices(
    photos, tmp_path, monkeypatch, replicas_of_nets
):
    # The suite has one strategy of four replicas (conftest.py).
    four = conftest.four_replicas()
    monkeypatch.setattr(strategies, "_mirrored", lambda kind, count: four)
    run = simclr.load(tiny_classifier.write(tmp_path / "run", photos))
    on_four = {"strategy": "cpu", "replicas": 4}
    one, other = run.embed(photos), run.embed(photos, **on_four)
    np.testing.assert_allclose(other[0], one[0], atol=1e-6)
    assert one[1] == other[1]
    labels = run.predict(photos, **on_four).labels
    assert labels == run.predict(photos).labels
    assert replicas_of_nets == [1, 4, 4, 1]
    assert run.encoder is run.encoder
    for wrong in ({"strategy": "ipu"}, {"engine": "ipu"}):
        with pytest.raises(InputError, match="ipu; choose one of"):
            run.embed(photos, **wrong)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: simclr.pipeline("a", epochs=3), r"set=\{'epochs': ...\}"),
        (lambda x: simclr.pipeline("a", wrokdir="b"), "mean workdir"),
        (lambda x: simclr.evaluate("a", epochs=3), "no argument 'epochs'.$"),
        (lambda x: simclr.pipeline(), "pipeline: missing .* 'recipe'"),
        (lambda x: simclr.pretrain("a", "b"), "pretrain: too many positional"),
        (lambda x: simclr.embed("a", x), r"got array.*load\(RUN\).embed"),
        (lambda x: simclr.pretrain(data=list(x)), "got .*Arrays of images"),
        (
            lambda x: simclr.pretrain(data="a", max_hours=x),
            "takes a number, got",
        ),
        (lambda x: simclr.pretrain(data="a", callbacks=x), "got array"),
        (lambda x: simclr.pretrain(data="a", epochs=x), "a number, got"),
        (lambda x: simclr.finetune("a", label_fraction=1.5), "must be <= 1"),
    ],
)
def test_a_bad_call_is_one_short_line(call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(np.zeros([40, 8, 8, 3], "uint8"))
    text = str(caught.value)
    assert "\n" not in text and len(text) < 250


def test_what_several_commands_share_is_written_once():
    """Defaults and choices: below the commands, in one place."""
    root = pathlib.Path(simclr.__file__).parent
    code = "\n".join(path.read_text("utf-8") for path in root.rglob("*.py"))
    for text in (
        "MAX_IMAGES = ",
        '"float16", "float32"',
        '"arrayrecord", "tfrecord"',
        '"id", "label", "probability"',
        '"tensorflow", "pjrt"',
        '"auto", "tpu", "gpu", "cpu", "multiworker"',
    ):
        assert code.count(text) == 1, text
    assert "id,label,probability" not in code
    assert "max_images=2" not in code and "limit=2" not in code


def test_a_callback_stops_the_run_which_goes_on_later(run, photos, tmp_path):
    def enough(row):
        return row["step"] >= 2 and "loss" in row

    arguments = {"data": photos, "workdir": tmp_path / "run", "quiet": True}
    stopped = simclr.pretrain(callbacks=[enough], **arguments, **TINY)
    assert stopped.stopped == "enough"
    assert stopped.metrics[-1]["step"] == 2
    finished = simclr.pretrain(**arguments, **TINY)
    assert finished.stopped == ""
    losses, expected = (
        [row["loss"] for row in r.metrics if "loss" in row]
        for r in (finished, run)
    )
    assert losses == expected, "as without the stop"


def state():
    """What a call must leave as it was."""
    return {
        "python": random.getstate(),
        "numpy": [str(x) for x in np.random.get_state()],
        "policy": keras.config.dtype_policy().name,
        "handlers": [
            signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)
        ],
        "optimizer": tf.config.optimizer.get_experimental_options().get(
            "arithmetic_optimization", True
        ),
    }


@pytest.mark.parametrize(
    "fails", [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_the_process_is_as_before(photos, tmp_path, fails):
    def fail(row):
        if fails:
            raise ZeroDivisionError

    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy("mixed_bfloat16")
    tf.random.normal([])
    before = state()
    settings = TINY | {"set": {**TINY["set"], "train.microbatch": 8}}
    try:
        simclr.pretrain(
            data=photos, workdir=tmp_path / "run", callbacks=fail,
            quiet=True, **settings,
        )  # fmt: skip
        assert not fails
    except ZeroDivisionError:
        assert fails
    assert state() == before
    after = float(tf.random.normal([])), float(keras.random.normal([]))
    keras.utils.set_random_seed(7)
    tf.random.normal([])
    assert (float(tf.random.normal([])), float(keras.random.normal([]))) == (
        after
    )


@pytest.mark.parametrize("width", [True, False])
def test_jax_is_as_before(monkeypatch, width):
    """PJRT's steps count in 64 bits."""
    values = {"jax_enable_x64": width}
    config = types.SimpleNamespace(
        update=values.__setitem__, jax_enable_x64=width
    )
    jax = types.SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "jax", jax)
    with session.session():
        config.update("jax_enable_x64", True)
    assert values == {"jax_enable_x64": width}
    # Imported by the command: as the environment says.
    monkeypatch.delitem(sys.modules, "jax")
    monkeypatch.setenv("JAX_ENABLE_X64", str(width))
    with session.session():
        sys.modules["jax"] = jax
        config.update("jax_enable_x64", True)
    assert values == {"jax_enable_x64": width}


def test_another_thread_trains_and_every_row_goes_to_the_callbacks(
    photos, tmp_path
):
    found, rows = [], []

    def train():
        try:
            found.append(
                simclr.pretrain(
                    data=photos,
                    workdir=tmp_path / "run",
                    callbacks=rows.append,
                    quiet=True,
                    **TINY,
                )
            )
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert isinstance(found[0], simclr.Run), found[0]
    assert found[0].metrics[-1]["step"] == STEPS
    assert len(rows) > 4
    # That of step 0 is scored later than it is filed.
    assert sorted(rows, key=str) == sorted(found[0].metrics, key=str)


def test_ctrl_c_saves_and_returns_the_run_of_a_config(photos, tmp_path):
    def interrupt(row):
        if row["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    config = tiny.config(photos, epochs=2)
    run = simclr.pretrain(
        config, workdir=tmp_path / "run", callbacks=interrupt, quiet=True
    )
    settled = config_lib.settled(config)
    assert dataclasses.replace(run.config, data=settled.data) == settled
    assert run.stopped == "SIGINT"
    assert os.listdir(run_folder.checkpoints(run.workdir))


@pytest.mark.slow
def test_after_tensorflow_has_been_used():
    """Devices cannot be chosen any more: what is there is used, or refused."""
    code = """
import tensorflow as tf
tf.constant(1) + 1
from simclr.engines.strategies import make_strategy
from simclr.messages.errors import InputError
assert make_strategy("cpu")[0].num_replicas_in_sync == 1
assert make_strategy("auto")[0].num_replicas_in_sync == 1
try:
    make_strategy("cpu", 2)
except InputError as error:
    assert "TensorFlow runs already in this process, with 1" in str(error)
else:
    raise AssertionError
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


@pytest.mark.slow
def test_replicas_twice_in_a_process():
    code = """
from simclr.engines.strategies import make_strategy
one, _ = make_strategy("cpu", 2)
other, _ = make_strategy("cpu", 2)
assert one is other and one.num_replicas_in_sync == 2
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": "photos", "epoch": 3}, "Did you mean epochs"),
        ({"data": "photos", "strateg": "cpu"}, "Did you mean strategy"),
        ({"data": "photos", "strategy": "ipu"}, "choose one of auto, tpu"),
        ({"data": "photos", "max_hours": -1}, "max_hours is -1.0"),
        ({"data": "photos", "max_hours": "long"}, "takes a number"),
        ({"data": "photos", "max_hours": float("inf")}, "takes a number"),
        ({"data": 3}, "data takes a path, got 3"),
        ({"data": "photos", "model": {"deph": 3}}, "Did you mean model.depth"),
        ({"data": "photos", "epochs": "many"}, "epochs takes a number"),
        ({"data": "/no/such/folder"}, "There is no folder /no/such/folder"),
        ({"data": "photos", "set": 3}, "set takes texts, got 3"),
        ({"data": "photos", "callbacks": 3}, "callbacks takes functions"),
        ({"data": "photos", "callbacks": [print, 3]}, "takes functions"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        simclr.pretrain(**arguments)


def test_paths_of_all_arguments_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    seen = {}

    def function(
        run: definition.kinds.Run,
        *,
        labels: definition.kinds.Labels = "",
        teacher: definition.kinds.Path = "",
    ):
        """Does nothing."""
        seen.update(run=run, labels=labels, teacher=teacher)

    definition.command(function)("~/run", labels="~/a.csv")
    assert seen == {
        "run": "/somewhere/run", "labels": "/somewhere/a.csv", "teacher": "",
    }  # fmt: skip


def test_none_is_the_default_and_numpys_numbers_are_numbers():
    seen = []

    @definition.command
    def function(
        *,
        labels: definition.kinds.Labels = "",
        set: definition.kinds.Set = (),
        max_hours: definition.kinds.MaxHours = 0.0,
        replicas: definition.kinds.Replicas = 0,
        callbacks: definition.kinds.Callbacks = (),
        quiet: definition.kinds.Quiet = False,
    ):
        """Does nothing."""
        seen.append((labels, set, max_hours, replicas, callbacks, quiet))

    function(
        labels=None, set=None, max_hours=None, replicas=None, callbacks=None,
        quiet=None,
    )  # fmt: skip
    function(
        labels=pathlib.Path("a.csv"),
        set={"epochs": np.float64(0.5), "init": pathlib.Path("runs/a")},
        max_hours=np.float64(1.5),
        replicas=np.int64(2),
        callbacks=print,
        quiet=np.bool_(False),
    )
    assert seen == [
        ("", (), 0.0, 0, (), False),
        ("a.csv", ("epochs=0.5", "init=runs/a"), 1.5, 2, (print,), False),
    ]


def test_help_has_every_argument_once():
    for name in ("pretrain", "finetune", "distill", "pipeline", "evaluate"):
        function = getattr(simclr, name)
        for argument in definition.arguments_of(function):
            assert argument.help, (name, argument.name)
            line = f"    {'**' * argument.rest}{argument.name}: "
            assert function.__doc__.count(line) == 1, (name, argument.name)
        assert "Returns:" in function.__doc__
    for name in ("pretrain", "finetune", "distill", "pipeline", "evaluate"):
        shown = pydoc.plain(pydoc.render_doc(getattr(simclr, name)))
        assert "Annotated" not in shown and "object at" not in shown
    shown = str(inspect.signature(simclr.evaluate))
    assert shown.startswith("(run: str, *, data: str = '', labels: str = '', ")
    assert "classifier: bool | None = None, out: str = '', strategy: " in shown
