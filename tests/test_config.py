"""Configs: recipes load, overrides are checked, JSON goes there and back."""

import dataclasses
import glob
import pathlib

import numpy as np
import pytest

from simclr import config as config_lib
from simclr.commands.checked import overrides_of
from simclr.config import (
    Augment,
    Config,
    Data,
    Distill,
    Loss,
    Op,
    Train,
    rules,
    stages,
    values,
)
from simclr.config.stages import Pipeline
from simclr.messages.errors import InputError

RECIPES = sorted(glob.glob("configs/*.py"))


def test_there_are_recipes():
    assert len(RECIPES) >= 4


@pytest.mark.parametrize("path", RECIPES)
def test_every_recipe_loads_and_has_a_title_page(path):
    assert isinstance(config_lib.load(path), Config)
    with open(path) as file:
        title = file.read().split('"""')[1]
    for word in ("Paper:", "Command:", "Hardware:", "Expected:"):
        assert word in title, f"{path} lacks {word}"


def test_overrides_keep_their_types():
    config = config_lib.override(
        Config(),
        [
            "batch_size=512",
            "optimizer.base_lr=1",
            "data.source=folder:/photos",
            "augment.blur_probs=(1, 0.1)",
            "train.probe=False",
        ],
    )
    assert config.batch_size == 512
    assert config.optimizer.base_lr == 1.0
    assert type(config.optimizer.base_lr) is float
    assert config.data.source == "folder:/photos"
    assert config.augment.blur_probs == (1.0, 0.1)
    assert config.train.probe is False


@pytest.mark.parametrize(
    "text, message",
    [
        ("optimizer.lr=1", "Did you mean optimizer.base_lr"),
        ("batchsize=1", "Did you mean batch_size"),
        ("optimizer=1", "There is no setting 'optimizer'"),
        ("batch_size=0.5", "batch_size takes a whole number"),
        ("batch_size=True", "batch_size takes a whole number"),
        ("epochs=many", "epochs takes a number, got 'many'"),
        ("batch_size=0", "batch_size is 0; it must be > 0"),
        ("seed=-1", "seed is -1; it must lie in"),
        ("seed=4294967296", "it must lie in"),
        ("epochs=nan", "epochs takes a number"),
        ("train.microbatch=-1", "must be >= 0"),
        ("loss.trade_off=-0.1", "must be >= 0"),
        ("loss.coefficients=(25, -1, 1)", "-1.0, 1.0.; it must be >= 0"),
        ("loss.coefficients=25", "loss.coefficients takes 3 numbers"),
        ("augment.blur_probs=0.5", "takes 2 numbers"),
        ("augment.blur_probs=(2, 0)", "must lie in"),
        ("augment.crop_area=(0.5, 0.1)", "smallest <= largest"),
        ("epochs", "Expected KEY=VALUE"),
        ("loss.block=-1", "loss.block is -1; it must be >= 0"),
        ("negatives.size=-256", "negatives.size is -256; it must be >= 0"),
        ("negatives.size=1000", "must be a multiple of batch_size, 256"),
        ("negatives.momentum=1.5", "must lie in"),
        ("negatives.momentum=0.9999", "final_momentum is 0.999.*set both"),
        ("loss.weight=0", "loss.weight is 0.0; it must be > 0"),
        ("epochs={[]}", "epochs takes a number"),
        ("epochs=" + "-" * 99999 + "1", "epochs takes a number"),
    ],
)
def test_bad_overrides_say_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        config_lib.override(Config(), [text])


def numbers():
    """All settings that are a number, or several."""
    for key in values.keys(Config):
        text = isinstance(rules.get(Config(), key), str | bool)
        lists = ("distill.teachers", "augment.view1", "augment.view2")
        if not text and key not in lists:
            yield key


def test_there_are_numbers():
    assert len(list(numbers())) > 40


@pytest.mark.parametrize("key", numbers())
def test_no_number_may_be_negative(key):
    value = rules.get(Config(), key)
    bad = (-1,) * len(value) if isinstance(value, tuple) else -1
    with pytest.raises(InputError, match=f"{key} is"):
        config_lib.override(Config(), [f"{key}={bad}"])


@pytest.mark.parametrize("bad", ["1e400", "1e300", "9" * 30, "9" * 400])
@pytest.mark.parametrize("key", numbers())
def test_no_number_may_be_absurd(key, bad):
    value = rules.get(Config(), key)
    if isinstance(value, tuple):
        bad = f"({', '.join([bad] * len(value))})"
    with pytest.raises(InputError, match=f"^{key} "):
        config_lib.override(Config(), [f"{key}={bad}"])


def test_no_number_may_vanish_in_float32():
    for key in numbers():
        value = rules.get(Config(), key)
        for bad in (1e-320, 1e-31):
            tiny = (bad,) * len(value) if isinstance(value, tuple) else bad
            with pytest.raises(InputError, match=f"^{key} "):
                config_lib.override(Config(), [f"{key}={tiny}"])


def test_json_holds_no_absurd_number():
    text = config_lib.to_json(Config())
    for bad in ("NaN", "Infinity", "1e400", "9" * 400):
        damaged = text.replace('"epochs": 100.0', f'"epochs": {bad}')
        with pytest.raises(InputError, match=r"^epochs takes a number"):
            config_lib.from_json(damaged)


def test_numpys_numbers_and_paths_are_values():
    plain = Config(
        epochs=2.5,
        batch_size=64,
        data=Data(source="photos"),
        augment=Augment(crop_area=(0.5, 1.0)),
        train=Train(probe=False),
        distill=Distill(teachers=("runs/a",)),
    )
    given = Config(
        epochs=np.float64(2.5),
        batch_size=np.int64(64),
        data=Data(source=pathlib.Path("photos")),
        augment=Augment(crop_area=np.array([0.5, 1.0])),
        train=Train(probe=np.bool_(False)),
        distill=Distill(teachers=[pathlib.Path("runs/a")]),
    )
    assert given == plain
    assert config_lib.from_json(config_lib.to_json(given)).epochs == 2.5
    overrides = overrides_of(
        {
            "epochs": np.float32(2.5),
            "batch_size": np.int64(64),
            "data": {"source": pathlib.Path("photos")},
            "augment": {"crop_area": (np.float64(0.5), 1)},
            "train": {"probe": np.bool_(False)},
            "distill.teachers": [pathlib.Path("runs/a")],
        }
    )
    settled = config_lib.override(Config(), overrides)
    assert settled == config_lib.override(plain, [])


WRONG = [
    (lambda: Data(image_size=32.0), "data.image_size takes a whole number"),
    (lambda: Train(probe=0), "train.probe takes True or False, got 0"),
    (lambda: Config(batch_size="256"), "batch_size takes a whole number, got"),
    (lambda: Config(epochs=True), "epochs takes a number, got True"),
    (lambda: Config(epochs=float("inf")), "epochs takes a number, got inf"),
    (lambda: Config(data="photos"), "data takes a Data, got 'photos'"),
    (lambda: Distill(teachers=[1]), "distill.teachers takes text, got 1"),
    (lambda: Augment(crop_area=(0.2,)), "augment.crop_area takes 2 numbers"),
    (lambda: Loss(block=3.0), "loss.block takes a whole number, got 3.0"),
    (lambda: Pipeline({}, label_fraction="1%"), "label_fraction takes a num"),
    (lambda: Pipeline([Config()]), "stages takes a dict"),
    (lambda: Pipeline({}, label_fraction=-0.1), "label_fraction is -0.1"),
    (lambda: Pipeline({}, seed=-1), "seed is -1"),
    (lambda: Pipeline({}, seed=1 << 32), "seed is 4294967296"),
    (lambda: Config(epochs=np.int64), "epochs takes a number"),
    (lambda: Config(batch_size=np.float64(8)), "batch_size takes a whole num"),
]


@pytest.mark.parametrize("make, message", WRONG)
def test_a_value_of_another_type_makes_no_config(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_ints_pass_for_floats_and_lists_for_tuples():
    config = Config(
        epochs=3,
        distill=Distill(teachers=["a"]),
        augment=Augment(crop_area=[0.2, 1]),
    )
    assert type(config.epochs) is float
    assert config.distill.teachers == ("a",)
    assert config.augment.crop_area == (0.2, 1.0)
    config = config_lib.override(config, [])  # As commands do; settles stem.
    assert config_lib.from_json(config_lib.to_json(config)) == config


@pytest.mark.parametrize("path", RECIPES)
def test_every_recipe_is_itself_when_it_is_resumed(path):
    config = config_lib.load(path)
    assert config_lib.from_json(config_lib.to_json(config)) == config


def test_a_wrong_type_in_a_recipe_is_a_line(tmp_path):
    here, base = tmp_path / "recipe.py", tmp_path / "base.py"
    text = "from simclr.config import *\nconfig = Config(batch_size={!r})"
    here.write_text(text.format("256"))
    with pytest.raises(InputError, match=r"recipe\.py: batch_size takes a who"):
        config_lib.load(str(here))
    base.write_text(text.format(256))
    with pytest.raises(InputError, match=r"data\.image_size takes a whole"):
        config_lib.derive(str(here), "base.py", data={"image_size": 32.0})
    with pytest.raises(InputError, match="epochs takes a number, got '9'"):
        config_lib.derive(str(here), "base.py", epochs="9")
    assert config_lib.derive(str(here), "base.py", epochs=9).epochs == 9.0


def test_json_round_trip():
    config = config_lib.override(
        Config(), ["augment.crop_area=(0.2, 1.0)", "seed=3"]
    )
    assert config_lib.from_json(config_lib.to_json(config)) == config


VIEWS = {
    "view1": "crop(area=(0.2, 1)), flip, cutout(prob=0.5, size=0.25)",
    "view2": (Op("crop"), "noise"),
}


def test_a_view_is_the_same_list_however_it_is_said(tmp_path):
    """In a recipe by Op or text, by --set, in Python and in config.json."""
    config = Config(augment=Augment(**VIEWS))
    assert config.augment.view1[2] == Op("cutout", prob=0.5, size=0.25)
    assert config_lib.from_json(config_lib.to_json(config)) == (
        config_lib.override(config, [])
    )
    said = config_lib.override(
        Config(),
        [f"augment.view1={VIEWS['view1']}", "augment.view2=(crop, noise)"],
    )
    assert said.augment == config.augment
    for key in ("augment.view1", "augment.view2"):
        text = values.text(rules.get(config, key))
        said = values.replace(said, key, text)
    assert said.augment == config.augment
    (tmp_path / "here.py").write_text(
        "from simclr.config import *\n"
        f"config = Config(augment=Augment(view1={VIEWS['view1']!r},"
        "view2=(Op('crop'), Op('noise', deviation=0.1))))\n"
    )
    assert config_lib.read(str(tmp_path / "here.py")).augment == config.augment
    [line] = config_lib.differences(
        config_lib.override(config, []),
        config_lib.override(config, ["augment.view2=crop"]),
    )
    assert line == (
        "augment.view2: (crop(area=(0.08, 1.0)), noise(prob=1.0, "
        "deviation=0.1)) -> (crop(area=(0.08, 1.0)),)"
    )
    back = config_lib.override(config, ["augment.view1=None"])
    assert back.augment.views[0] == Augment().views[0]


def test_a_config_of_before_there_were_lists_reads_as_it_did():
    text = config_lib.to_json(Config())
    older = text.replace('    "view1": null,\n    "view2": null,\n', "")
    assert older != text
    assert config_lib.from_json(older) == config_lib.override(Config(), [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"view1": "crop, cutuot"}, r"augment\.view1: .* mean cutout\?"),
        (
            {"view2": ["flip", "crop"]},
            r"augment\.view2: crop must be the first",
        ),
        ({"view1": 3}, r"augment\.view1 takes operations, got 3"),
        ({**VIEWS, "hue": 0.1}, r"augment\.hue is 0\.1, but augment\.view1"),
        ({**VIEWS, "blur_probs": (1, 0)}, r"augment\.blur_probs is \(1\.0, 0"),
    ],
)
def test_bad_lists_are_one_line(given, message):
    with pytest.raises(InputError, match=message) as error:
        config_lib.validate(Config(augment=Augment(**given)))
    assert "\n" not in str(error.value)


def test_one_list_beside_strengths_for_the_other_view():
    augment = Augment(view1="crop, sobel", blur_probs=(1, 1), place="host")
    config_lib.validate(Config(augment=augment))
    assert augment.views[0].steps == ((Op("sobel"), 1),)
    assert augment.views[1].steps[2][0].prob == 1.0


def test_json_with_unknown_settings_is_refused():
    text = config_lib.to_json(Config()).replace('"epochs"', '"ages"')
    with pytest.raises(ValueError, match="ages"):
        config_lib.from_json(text)


def test_differences_name_both_values():
    other = dataclasses.replace(Config(), seed=7)
    assert config_lib.differences(Config(), other) == ["seed: 0 -> 7"]


@pytest.mark.parametrize(
    "path", ["nowhere.py", "configs", "simclr/config/schema.py"]
)
def test_what_is_no_recipe_is_refused(path):
    with pytest.raises(ValueError, match=r"recipe|does not set config"):
        config_lib.load(path)


@pytest.mark.parametrize(
    ("overrides", "stem"),
    [
        ([], "imagenet"),
        (["data.image_size=64"], "cifar"),
        (["model.stem=torchvision", "data.image_size=64"], "torchvision"),
        (["data.image_size=32", "data.image_size=96"], "imagenet"),
    ],
)
def test_what_a_recipe_leaves_open_is_settled_last(tmp_path, overrides, stem):
    """By the size that the views will have, not by the recipe's."""
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        "from simclr.config import Config, Data\n"
        "config = Config(data=Data(image_size=224))\n"
    )
    assert config_lib.load(str(recipe), overrides).model.stem == stem
    later = config_lib.override(config_lib.read(str(recipe)), overrides)
    assert later.model.stem == stem
    assert config_lib.read(str(recipe)).model.stem == "auto"


def test_a_pipeline_is_settled_by_all_its_overrides(tmp_path):
    recipe = tmp_path / "pipeline.py"
    recipe.write_text(
        "from simclr.config import Config\n"
        "from simclr.config.stages import Pipeline\n"
        "pipeline = Pipeline(stages={'a': Config(), 'b': Config(init='a')})\n"
    )
    pipeline = stages.load(
        str(recipe), ["b.seed=1", "data.image_size=96", "a.data.image_size=32"]
    )
    stems = {name: c.model.stem for name, c in pipeline.stages.items()}
    assert stems == {"a": "cifar", "b": "imagenet"}


def test_a_config_that_was_saved_open_is_settled_when_read():
    """As runs of earlier versions kept it."""
    text = config_lib.to_json(Config())
    assert '"stem": "auto"' in text
    assert config_lib.from_json(text).model.stem == "cifar"
