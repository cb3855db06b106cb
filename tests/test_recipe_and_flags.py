"""A recipe means what it says; a flag overrides it, and the command says so.

What is trained is what the commands hand to the training loop, which is not
run here.
"""

import dataclasses

import keras
import pytest

import simclr
from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.commands.run import Run
from simclr.commands.train import launch, train_data
from simclr.config import Config, Data, Distill
from simclr.messages.errors import InputError
from simclr.training import loop
from simclr.training.tasks import TASKS
from tests import tiny, tiny_classifier, tiny_encoder

RECIPE = """
from simclr.config import Config, Data, Distill, Model

config = Config(task={task!r}, epochs=3, {values})
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("run", "recipe", "flag"):
        tiny.write_photos(folder / name, count=40)
    for name in ("a.csv", "b.csv"):
        table = "id,label\ncat/000.png,cat\ndog/001.png,dog\n"
        (folder / name).write_text(table)
    return folder


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("pretrained")
    return tiny_encoder.write(folder / "run", photos / "run")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("teachers")
    return [
        tiny_classifier.write(folder / name, photos / "run")
        for name in ("one", "other")
    ]


@pytest.fixture
def trained(monkeypatch):
    """The configs that reach the training loop."""
    configs = []

    def train(config, workdir, strategy, **_):
        configs.append(config)
        return ""

    monkeypatch.setattr(loop, "train", train)
    return configs


def recipe(folder, task, values):
    path = folder / "recipe.py"
    path.write_text(RECIPE.format(task=task, values=values))
    return f"--config={path}"


def run(capsys, *line):
    assert cli.main([*map(str, line), "--strategy=cpu"]) == 0
    return capsys.readouterr().err


def test_finetune_takes_the_recipes_images_not_the_runs(
    photos, pretrained, trained, tmp_path, capsys
):
    source = str(photos / "recipe")
    flag = recipe(
        tmp_path, "finetune", f"data=Data({source!r}, eval_source={source!r})"
    )
    said = run(capsys, "finetune", f"--init={pretrained}", flag)
    assert trained[0].data.source == source
    assert trained[0].data.eval_source == source
    assert trained[0].init == pretrained
    own = config_lib.settled(tiny.CONFIG).model
    assert trained[0].model == own, "the weights' own net"
    assert "overruled: model.width: 1.0 -> 0.125" in said
    assert f"overruled: init: '' -> {pretrained!r}" in said
    assert "overruled: data" not in said and "overruled: epochs" not in said


def test_a_flag_overrides_the_recipe_and_the_command_says_so(
    photos, pretrained, trained, tmp_path, capsys
):
    source, other = str(photos / "recipe"), str(photos / "flag")
    flag = recipe(tmp_path, "finetune", f"data=Data({source!r})")
    said = run(
        capsys, "finetune", f"--init={pretrained}", flag, f"--data={other}",
        "--set=epochs=4",
    )  # fmt: skip
    assert trained[0].data.source == other and trained[0].epochs == 4
    assert f"overruled: data.source: {source!r} -> {other!r}" in said
    assert "Set       epochs=4" in said and "overruled: epochs" not in said


def test_a_recipe_that_names_no_images_takes_the_runs(
    photos, pretrained, trained, tmp_path, capsys
):
    flag = recipe(tmp_path, "finetune", "batch_size=16")
    said = run(capsys, "finetune", f"--init={pretrained}", flag)
    assert trained[0].data.source == str(photos / "run")
    assert "overruled: data.source: 'sample/train' ->" in said


def test_a_recipe_of_the_runs_images_keeps_what_it_says_of_them(
    photos, pretrained
):
    said = {
        "labels": "/labels.csv",
        "eval_source": str(photos / "recipe"),
        "eval_labels": "/eval_labels.csv",
        "max_bad_share": 0.0,
    }
    given = dict.fromkeys(("source", "labels", "eval_source", "eval_labels"))

    def resolve(**flags):
        return train_data.resolve(
            Config(task="finetune", data=Data(**said)),
            pretrained,
            same_classes=False,
            **given | flags,
        )

    assert resolve() == dataclasses.replace(
        tiny.CONFIG.data, source=str(photos / "run"), **said
    )
    flag = str(photos / "flag")
    assert resolve(eval_labels=flag).eval_labels == flag
    other = resolve(source=flag)
    assert (other.source, other.labels) == (flag, "")
    assert other.eval_labels == said["eval_labels"]


@pytest.mark.parametrize(
    ("images", "labels"), [("source", "labels"), ("eval_source", "eval_labels")]
)
def test_labels_do_not_go_along_to_other_images(images, labels):
    config = Config(data=Data(**{images: "/one", labels: "/one.csv"}))

    def labels_of(config=config, **given):
        data = train_data.with_data(config.data, **given)
        notes = launch.overruled(
            config, dataclasses.replace(config, data=data), []
        )
        return getattr(data, labels), [n for n in notes if labels in n]

    note = f"overruled: data.{labels}: '/one.csv' -> "
    assert labels_of(**{images: "/other"}) == ("", [f"{note}''"])
    assert labels_of(**{images: "/one/"}) == ("/one.csv", [])
    assert labels_of(**{images: "/other", labels: "/other.csv"}) == (
        "/other.csv",
        [f"{note}'/other.csv'"],
    )
    unlabelled = config_lib.override(config, [f"data.{labels}=none"])
    assert labels_of(unlabelled, **{images: "/other"}) == ("none", [])


@pytest.mark.parametrize("task", ["pretrain", "finetune", "distill"])
def test_images_by_set_are_found_from_anywhere(
    task, photos, pretrained, teachers, trained, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(photos)
    monkeypatch.setenv("HOME", str(photos))
    values = f"data=Data({str(photos / 'recipe')!r}), batch_size=16"
    said = run(
        capsys, task, recipe(tmp_path, task, values),
        "--set=data.source=./recipe", "--set=data.labels=~/a.csv",
        "--set=data.eval_source=folder:run", "--set=data.eval_labels=b.csv",
        *{"pretrain": (), "finetune": (f"--init={pretrained}",),
          "distill": (f"--teacher={teachers[0]}",)}[task],
    )  # fmt: skip
    data = trained[0].data
    assert data.source == str(photos / "recipe")
    assert data.labels == str(photos / "a.csv")
    assert data.eval_source == f"folder:{photos / 'run'}"
    assert data.eval_labels == str(photos / "b.csv")
    assert "overruled: data" not in said


@pytest.mark.parametrize("task", ["finetune", "pretrain"])
def test_a_recipes_own_weights_are_started_from(
    task, photos, pretrained, trained, tmp_path, capsys
):
    values = (
        f"data=Data({str(photos / 'recipe')!r}), init={pretrained!r}, "
        "batch_size=16"
    )
    run(capsys, task, recipe(tmp_path, task, values))
    assert trained[0].init == pretrained


def test_distill_takes_the_recipes_images_weights_and_teachers(
    photos, pretrained, teachers, trained, tmp_path, capsys
):
    source = str(photos / "recipe")
    flag = recipe(
        tmp_path,
        "distill",
        f"data=Data({source!r}), init={pretrained!r}, "
        f"distill=Distill(teachers=({teachers[0]!r},))",
    )
    run(capsys, "distill", flag)
    assert trained[0].distill.teachers == (teachers[0],)
    assert trained[0].data.source == source
    assert trained[0].init == pretrained
    said = run(capsys, "distill", flag, f"--teacher={teachers[1]}")
    assert trained[1].distill.teachers == (teachers[1],)
    assert trained[1].data.source == source, "not the teacher's"
    assert trained[1].init == pretrained
    assert "overruled: distill.teachers: " in said


def test_distill_takes_a_teacher_by_set(
    photos, teachers, trained, tmp_path, capsys
):
    run(capsys, "distill", f"--set=distill.teachers={teachers[0]}")
    assert trained[0].distill == Distill(teachers=(teachers[0],))
    by_set = f"--set=distill.teachers={teachers[1]}"
    run(capsys, "distill", f"--teacher={teachers[0]}", by_set)
    assert trained[1].distill == Distill(teachers=(teachers[1],))


def test_a_pipeline_keeps_the_images_of_its_recipe(
    photos, pretrained, trained, tmp_path, capsys, monkeypatch
):
    from simclr.commands.train import run_stages

    source = str(photos / "recipe")
    path = tmp_path / "stages.py"
    path.write_text(
        "from simclr.config import Config, Data\n"
        "from simclr.config.stages import Pipeline\n"
        f"data = Data({source!r})\n"
        "pipeline = Pipeline({\n"
        "    'first': Config(data=data),\n"
        "    'second': Config(task='finetune', init='first', data=data),\n"
        "})\n"
    )
    seen = {}

    def stages(pipeline, recipe, data, devices, **_):
        seen.update(data)
        return Run(tmp_path)

    monkeypatch.setattr(run_stages, "run", stages)
    run(capsys, "pipeline", path, f"--pretrained={pretrained}")
    assert {data.source for data in seen.values()} == {source}


def test_a_pipeline_says_what_flags_overrule(
    photos, trained, tmp_path, capsys, monkeypatch
):
    from simclr.commands.train import run_stages

    source, flag = str(photos / "recipe"), str(photos / "flag")
    path = tmp_path / "stages.py"
    path.write_text(
        "from simclr.config import Config, Data\n"
        "from simclr.config.stages import Pipeline\n"
        f"data = Data({source!r})\n"
        "pipeline = Pipeline(label_fraction=0.5, stages={\n"
        "    'first': Config(data=data),\n"
        "    'second': Config(task='finetune', init='first', data=data),\n"
        "})\n"
    )

    def one_by_one(cells, workdir, *, train, **_):
        for name, cell in cells.items():
            train(name, cell.config, f"{workdir}/{name}", 0.0)
        return "the test", [], {}

    monkeypatch.setattr(run_stages.grid, "run", one_by_one)
    line = ["pipeline", path, f"--workdir={tmp_path}/run", "--set=epochs=4"]
    said = run(capsys, *line)
    assert "stage second of" in said and "overruled" not in said
    said = run(
        capsys, *line[:2], f"--workdir={tmp_path}/other", f"--data={flag}",
        "--label_fraction=0.25",
    )  # fmt: skip
    of_data = f"Recipe    overruled: data.source: {source!r} -> {flag!r}"
    assert said.count(of_data) == 2
    assert said.count("overruled: label_fraction: 0.5 -> 0.25") == 1
    assert "overruled: init" not in said and "overruled: data.l" not in said


def test_overriding_by_a_flag_keeps_the_rest_of_the_recipe(
    photos, trained, tmp_path, capsys
):
    values = f"data=Data({str(photos / 'recipe')!r}), batch_size=16"
    flag = recipe(tmp_path, "pretrain", values)
    run(capsys, "pretrain", flag, f"--data={photos / 'flag'}")
    expected = config_lib.load(str(tmp_path / "recipe.py"))
    data = dataclasses.replace(expected.data, source=str(photos / "flag"))
    assert trained[0] == dataclasses.replace(expected, data=data)


def labelled(tmp_path, *names):
    """A labels.csv for the first images of a folder."""
    path = tmp_path / "labels.csv"
    ids = ("cat/000.png", "dog/001.png")
    rows = [f"{one},{name}\n" for one, name in zip(ids, names)]
    path.write_text("id,label\n" + "".join(rows))
    return str(path)


def distilled(photos, teachers, labels):
    config = tiny.config(photos / "flag", task="distill")
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, labels=labels),
        distill=Distill(teachers=(teachers[0],)),
    )


def test_mistyped_labels_are_not_left_out(photos, teachers, tmp_path):
    """Though the teacher's answers would do without them."""
    config = distilled(photos, teachers, labelled(tmp_path, "cat", "dgo"))
    with pytest.raises(InputError, match="dgo"):
        TASKS["distill"].open_data(config)
    config = distilled(photos, teachers, labelled(tmp_path, "cat", "dog"))
    source, _ = TASKS["distill"].open_data(config)
    assert (source.labels >= 0).sum() == 2


def test_folders_that_are_no_classes_of_the_teacher_are_said(
    teachers, tmp_path
):
    tiny.write_photos(tmp_path / "flag", 4, ("summer", "winter"))
    config = distilled(tmp_path, teachers, "")
    source, _ = TASKS["distill"].open_data(config)
    assert source.labels is None
    assert "labels are not used" in source.notes[-1]


def encoder(image_size=16):
    """A net of somebody else's."""
    images = keras.Input([image_size, image_size, 3])
    x = keras.layers.Conv2D(4, 3, activation="relu")(images)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))


def test_a_keras_model_is_a_backbone(photos, trained, tmp_path):
    arguments = {"data": photos / "flag", "strategy": "cpu", "quiet": True}
    size = {"data.image_size": 16}
    simclr.pretrain(model=encoder(), set=size, **arguments)
    simclr.pretrain(model=lambda: encoder(), set=size, **arguments)
    simclr.pretrain(model=encoder, set=size, **arguments)
    simclr.pretrain(model="vit_small", **arguments)
    names = [config.model.name for config in trained]
    assert names[0].startswith("handed_in:")
    assert names[1].startswith("handed_in:")
    assert names[2] == "tests.test_recipe_and_flags:encoder"
    assert names[3] == "vit_small"
