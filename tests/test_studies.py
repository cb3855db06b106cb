"""The studies: their cells, figures and verdicts. No TensorFlow."""

import functools
import itertools
import json
import os
import runpy

import pytest

from simclr import config as config_lib
from simclr.commands.study import given
from simclr.commands.study.study_list import study_list
from simclr.commands.study.study_recipes import study_recipes
from simclr.config import source
from simclr.config.rules import validate
from simclr.data.sources.registry import absolute
from simclr.pictures import bars, series
from simclr.studies import barlow, registry, verdicts
from simclr.studies.intriguing import (
    randbits,
)
from simclr.studies.registry import STUDIES
from simclr.studies.simclr import (
    augmentations,
    head,
    removal,
)
from simclr.studies.simclrv2 import labels
from simclr.studies.study import (
    CLASSIFIER,
    DOCS,
    FULL,
    QUICK,
    SCALES,
    Images,
)
from tests.test_pictures import pixels
from tests.test_synthetic import write_mnist

ALL = list(itertools.product(STUDIES, SCALES))


def images(name, scale):
    """Those of a scale, with the files of few labels that it asks for."""
    files = given.labels(registry.get(name), given.seeds(scale, 0), "/w")
    return given.images(scale, "", "", "", files)


@pytest.mark.parametrize(("name", "scale"), ALL)
def test_cells_are_valid_runs_that_build_on_those_before_them(name, scale):
    study, material = registry.get(name), images(name, scale)
    cells = given.cells(study, scale, material, given.seeds(scale, 0))
    assert 3 <= len(cells) <= 100
    before, configs = [], set()
    for label, cell in cells.items():
        assert validate(cell.config) == cell.config
        again = config_lib.from_json(config_lib.to_json(cell.config))
        assert again == cell.config
        words = {}
        exec(source.recipe(cell.config, "A run."), words)
        assert words["config"] == cell.config
        assert set(cell.config.origins) <= set(before)
        assert "/" not in label and len(label) < 100
        assert cell.place["seed"] == cell.config.seed
        before.append(label)
        configs.add(cell.config)
        for score in study.scores(cell, material).values():
            assert score.data.eval_source
            assert (score.of == CLASSIFIER) <= cell.config.classifies
    assert len(configs) == len(cells)  # No two of them are the same run.
    places = [tuple(cell.place.items()) for cell in cells.values()]
    assert len(set(places)) == len(cells)


@pytest.mark.parametrize("name", STUDIES)
def test_the_docs_claim_no_difference_of_one_seed(name):
    seeds = [place["seed"] for _, place, _ in columns(name, DOCS)]
    assert seeds == sorted(seeds) and set(seeds) == {0, 1, 2}
    assert {p["seed"] for _, p, _ in columns(name, QUICK)} == {0}
    material = Images()
    assert set(given.cells(registry.get(name), QUICK, material, [0])) <= set(
        given.cells(registry.get(name), QUICK, material, [0, 1])
    )


def test_the_full_runs_are_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = study_recipes("labels", full=True, quiet=True, set={"epochs": 3})
    assert (
        len(paths) == 20 and paths[0] == "recipes/labels_full/simclr-seed_0.py"
    )
    configs = {os.path.basename(p): config_lib.load(p) for p in paths}
    assert {config.epochs for config in configs.values()} == {3}
    deeper = configs["deeper-0.01-seed_0.py"]
    assert (deeper.task, deeper.init, deeper.data.labels) == (
        *("finetune", "simclr-seed_0"),
        "",
    )
    path = "recipes/labels_full/deeper-0.01-seed_0.py"
    words = runpy.run_path(path)
    command, after = words["__doc__"].partition("Command:\n")[2].split("\n")[:2]
    assert command.split() == [
        *("simclr", "finetune"),
        "--config=recipes/labels_full/deeper-0.01-seed_0.py",
        *("--workdir=deeper-0.01-seed_0", "--label_fraction=0.01"),
    ]
    assert after.split() == ["after:", "simclr-seed_0"]
    assert command in (tmp_path / path).read_text()  # To copy from there.
    # What a user sets stays, and is no run of the study.
    options = {"only": ["supervised-1-*"], "out": "own", "quiet": True}
    changes = {"data.labels": "mine.csv", "init": "runs/x"}
    [path] = study_recipes("labels", quick=True, set=changes, **options)
    assert config_lib.load(path).data.labels == str(tmp_path / "mine.csv")
    assert "after" not in runpy.run_path(path)["__doc__"]
    # A name that would end the text and begin a program stays a name.
    odd = 'a"""+\\\n"""'
    options = {"only": ["temperature_0.05*"], "out": odd, "quiet": True}
    for _ in range(2):  # Its own files it may write over.
        path = study_recipes("randbits", quick=True, **options)[0]
        assert f"--config='{path}'" in runpy.run_path(path)["__doc__"]
    (tmp_path / path).write_text("mine = 1")
    with pytest.raises(ValueError, match="is no recipe of a study"):
        study_recipes("randbits", quick=True, **options)


def test_full_scale_is_the_papers():
    cells = registry.get("batch").cells(FULL, Images.at(FULL), [0])
    config = cells["rate_sqrt-epochs_100-batch_size_4096-seed_0"].config
    recipe = config_lib.load("configs/imagenet_resnet50.py")
    differences = config_lib.differences(recipe, config)
    assert [line.partition(":")[0] for line in differences] == [
        "train.log_steps",
        "train.eval_epochs",
    ]
    twins = registry.get("barlow").cells(FULL, Images.at(FULL), [0])
    config = twins["what_as_published-seed_0"].config
    recipe = config_lib.load("configs/barlow_twins_r50.py")
    differences = config_lib.differences(recipe, config)
    assert {line.partition(":")[0] for line in differences} == {
        *("epochs", "model.stem", "model.normalization"),
        *("train.log_steps", "train.checkpoint_epochs", "train.eval_epochs"),
    }
    one_branch = config_lib.load("configs/imagenet_one_branch.py").augment
    pair = augmentations.augment("crop", "colour", (0.08, 1.0))
    assert pair.views == one_branch.views


def test_images_that_the_user_names(tmp_path, monkeypatch):
    write_mnist(tmp_path / "mnist")
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "others"):
        (tmp_path / name).mkdir()
    found = given.images(QUICK, "mnist", "photos", "others", {})
    assert found.train == f"{tmp_path}/photos"
    assert found.test == f"{tmp_path}/others"
    assert found.digits == f"idx:{tmp_path}/mnist/train-images-idx3-ubyte"
    assert found.test_digits.endswith("t10k-images-idx3-ubyte")
    for name in STUDIES:
        for cell in registry.get(name).cells(QUICK, found, [0]).values():
            source = cell.config.data.source
            assert "sample" not in source and absolute(source) == source
    for some in (("photos", ""), ("", "photos")):
        with pytest.raises(ValueError, match="go together"):
            given.images(QUICK, "", *some, {})
    with pytest.raises(ValueError, match="no folder"):
        given.images(QUICK, "", "nowhere", "photos", {})
    with pytest.raises(ValueError, match="Say --quick or --full, not both"):
        given.scale(True, True)
    with pytest.raises(ValueError, match=r"'head_', only .*Did you mean head"):
        registry.get("head_")


def test_some_of_the_runs():
    material = images("labels", QUICK)
    cells = given.cells(registry.get("labels"), QUICK, material, [0, 1])
    assert given.chosen(cells, ()) == cells
    assert list(given.chosen(cells, ["supervised-0.1-*"])) == [
        "supervised-0.1-seed_0",
        "supervised-0.1-seed_1",
    ]
    assert list(given.chosen(cells, ["student-1-seed_0", "barlow-seed_0"])) == [
        *("simclr-seed_0", "barlow-seed_0"),
        *("deeper-1-seed_0", "distilled-1-seed_0", "student-1-seed_0"),
    ]
    with pytest.raises(ValueError, match=r"--only=simclr fits no run.*simclr-"):
        given.chosen(cells, ["*seed_0", "simclr"])


@functools.cache
def columns(name, scale):
    """(name, place, columns) of each cell, a list."""
    study, material = registry.get(name), images(name, scale)
    return [
        (label, cell.place, list(study.scores(cell, material)))
        for label, cell in given.cells(
            study, scale, material, given.seeds(scale, 0)
        ).items()
    ]


def rows_of(name, value, scale=QUICK):
    """Made rows: `value(place, column)` for each column of each cell."""
    return [
        {"name": label, **place} | {c: value(place, c) for c in scored}
        for label, place, scored in columns(name, scale)
    ]


def as_the_paper(name, place, column):
    """A number that shows the finding; a seed adds a hundredth of a point."""
    p, small = place, place.get("seed", 0) * 1e-4
    return (
        small
        + {
            "augmentations": lambda: (
                0.6 if {p["first"], p["second"]} == {"crop", "colour"} else 0.4
            ),
            "removal": lambda: 0.7 - 0.1 * (p["removed"] == removal.LAST),
            "batch": lambda: 0.6 + (p["batch_size"] > 100) * 0.1 / p["epochs"],
            "temperature": lambda: {0.1: 0.7, 10.0: 0.6}.get(
                p["temperature"], 0.5
            ),
            "head": lambda: (
                0.5 + 0.1 * head.HEADS[p["head"]] - 0.2 * (column == "z")
            ),
            "width": lambda: (
                0.5 + p["width"] * (0.3 if p["method"] == "SimCLR" else 0.1)
            ),
            "colour": lambda: (
                0.5
                + 0.1 * p["strength"] * (1 if p["method"] == "SimCLR" else -1)
            ),
            "labels": lambda: (
                0.3
                + 0.05
                * [
                    labels.SUPERVISED,
                    labels.SIMCLR,
                    labels.BARLOW,
                    labels.BARLOW_TUNED,
                    labels.TUNED,
                    labels.DEEPER,
                    labels.STUDENT,
                    labels.DISTILLED,
                ].index(p["row"])
            ),
            "few_labels": lambda: (
                0.5
                + 0.01 * (p.get("layer") == 1)
                + 0.01 * p["width"] / p.get("share", 1)
            ),
            "barlow": lambda: (
                0.7 - 0.2 * (p["what"] in (barlow.FIRST, barlow.SECOND))
            ),
            "generalized": lambda: (
                0.7 - 0.1 * (p["loss"] != "nt_xent") / p["head_layers"]
            ),
            "multidigits": lambda: 0.98,
            "digit_size": lambda: (
                0.3
                if column == "small"
                and (p["method"], p["size"]) == ("SimCLR", 80)
                else 0.97
            ),
            "digit_on_image": lambda: (
                0.5 + 1e-5 * p["unique"] * (1 if column == "digit" else -1)
            ),
            "randbits": lambda: 0.9 if p["bits"] == 0 else 0.1,
        }[name]()
    )


def opposite(name, place, column):
    """A number that shows the opposite; nearness has one of its own."""
    if name == "multidigits":
        return 0.9 * (place["method"] != "SimCLR")
    if name == "generalized":
        return 0.5 + 0.1 * place["head_layers"] * (place["loss"] == "nt_xent")
    return 1 - as_the_paper(name, place, column)


@pytest.mark.parametrize(
    ("name", "scale"), [(n, s) for n, s in ALL if s != FULL]
)
def test_a_verdict_sees_the_finding_and_its_opposite(name, scale):
    verdict = registry.get(name).verdict
    rows = rows_of(name, lambda p, c: as_the_paper(name, p, c), scale)
    found = verdict(rows)
    assert found.appears is True, found.words
    assert any(letter.isdecimal() for letter in found.words)
    found = verdict(rows_of(name, lambda p, c: opposite(name, p, c), scale))
    assert found.appears is False, found.words


def test_places_of_one_seed_are_no_seeds():
    """Of heads of 32 and 256 dimensions, a spread is no error of the seeds."""
    rows = [
        {"head": head, "dim": dim, "seed": seed, "top1": top1 + seed}
        for head, low in (("none", 0.1), ("linear", 0.2))
        for dim, top1 in ((32, low), (256, low + 0.2))
        for seed in (0, 1)
    ]
    found = verdicts.by_seed(rows, head="linear")
    assert found == pytest.approx({0: 0.3, 1: 1.3})
    one_seed = [row for row in rows if row["seed"] == 0]
    assert verdicts.higher(
        one_seed, {"head": "linear"}, {"head": "none"}, ("one", "other")
    ) == verdicts.Verdict(
        True, "one 30.0 %, other 20.0 % (+10.0 points, of one seed)"
    )


@pytest.mark.parametrize(
    "name", [n for n in STUDIES if n not in ("digit_size", "randbits")]
)
def test_what_seeds_contradict_does_not_appear(name):
    """Two seeds as the paper, two the opposite."""
    study, material = registry.get(name), images(name, QUICK)
    rows = [
        {"name": label, **cell.place, "seed": seed}
        | {
            column: (as_the_paper, opposite)[seed % 2](
                name, {**cell.place, "seed": seed}, column
            )
            for column in study.scores(cell, material)
        }
        for seed in range(4)
        for label, cell in given.cells(study, QUICK, material, [0]).items()
    ]
    assert study.verdict(rows).appears is False


def test_a_small_digit_that_nobody_learns_is_not_driven_out():
    verdict = registry.get("digit_size").verdict
    chance = rows_of(
        "digit_size",
        lambda p, c: (
            0.1
            if p["method"] == "supervised"
            else as_the_paper("digit_size", p, c)
        ),
    )
    assert verdict(chance).appears is False
    assert "supervised: the small digit has 10.0 %" in verdict(chance).words


def test_gains_are_of_the_seeds_that_both_have():
    rows = [
        {"width": width, "seed": seed, "top1": top1}
        for width, seed, top1 in ((1, 0, 0.1), (1, 1, 0.2), (2, 1, 0.5))
    ]
    gains = verdicts.gains(rows, {"width": 2}, {"width": 1})
    assert gains == pytest.approx({1: 0.3})
    assert verdicts.rises(gains, "wide") == verdicts.Verdict(
        True, "wide: +30.0 points, of one seed"
    )
    assert verdicts.rises({}, "wide").appears is None
    assert verdicts.positive({0: 0.1, 1: -0.08, 2: 0.02})[0] is False
    assert verdicts.positive({0: 0.1, 1: 0.08, 2: 0.09}) == (
        True,
        "+9.0 points, standard error 0.6, 3 seeds",
    )


@pytest.mark.parametrize("name", STUDIES)
def test_a_verdict_of_runs_that_are_missing_is_none(name):
    verdict = registry.get(name).verdict
    assert verdict([]).appears is None
    rows = rows_of(name, lambda p, c: as_the_paper(name, p, c))
    assert verdict(rows[:1]).appears is None


def test_a_difference_counts_beyond_its_spread():
    for differences, expected in (
        ([0.1], True),
        ([-0.1], False),
        ([0.10, 0.11, 0.12], True),
        ([0.11, -0.09, 0.01], False),
        ([-0.10, -0.11, -0.12], False),
        ([], None),
    ):
        found = verdicts.positive(dict(enumerate(differences)))
        assert found[0] is expected
    assert verdicts.positive({3: 0.1})[1] == "+10.0 points, of one seed"


def test_a_seed_is_compared_with_itself():
    """The seeds lie far apart, and one place above the other in each."""
    rows = [
        {"place": place, "seed": seed, "top1": 0.3 * seed + gain}
        for seed in (0, 1, 2)
        for place, gain in (("low", 0.1), ("high", 0.11 + 0.002 * seed))
    ]
    found = verdicts.higher(
        rows, {"place": "high"}, {"place": "low"}, ("high", "low")
    )
    assert found.appears is True
    assert found.words == (
        "high 41.2 %, low 40.0 % (+1.2 points, standard error 0.1, 3 seeds)"
    )
    assert not verdicts.higher(
        rows, {"place": "low"}, {"place": "high"}, ("low", "high")
    ).appears


def test_the_cells_of_randbits_near_the_published_ones():
    exact = rows_of(
        "randbits", lambda p, c: randbits.PUBLISHED[p["bits"], p["temperature"]]
    )
    assert randbits.near(exact).startswith("15 of the 15 cells")
    steep = [v for v in randbits.PUBLISHED.values() if 0.15 <= v <= 0.8]
    assert len(steep) == 5
    off = rows_of(
        "randbits",
        lambda p, c: 0.05 + randbits.PUBLISHED[p["bits"], p["temperature"]],
    )
    assert randbits.near(off).startswith("5 of the 15 cells")


@pytest.mark.parametrize("name", STUDIES)
def test_every_figure_is_drawn(tmp_path, name):
    rows = rows_of(name, lambda p, c: as_the_paper(name, p, c))
    path = str(tmp_path / "a.png")
    registry.get(name).draw(path, rows=rows)
    assert pixels(path).std() > 5


@pytest.mark.parametrize("name", ["augmentations", "head", "labels", "barlow"])
def test_a_figure_is_drawn_of_the_first_run_too(tmp_path, name):
    rows = rows_of(name, lambda p, c: as_the_paper(name, p, c))
    path = str(tmp_path / "a.png")
    registry.get(name).draw(path, rows=rows[:1])
    assert pixels(path).std() > 5


def test_the_spread_of_seeds_is_drawn(tmp_path):
    path = str(tmp_path / "a.png")
    words = {"title": "t", "subtitle": "s"}
    drawings = (
        lambda rows: series.draw(path, rows=rows, x="x", series=(), **words),
        lambda rows: bars.draw(path, rows=rows, kind=("x",), **words),
    )
    for draw, places in itertools.product(drawings, [(1, 2), (1,)]):
        rows = [{"x": x, "top1": 0.6 + d} for x in places for d in (-0.1, 0.1)]
        narrow = [{**row, "top1": 0.6} for row in rows]
        found = []
        for some in (rows, narrow):
            draw(some)
            found.append(pixels(path))
        assert (found[0] != found[1]).any()


def test_the_list_tells_what_has_been_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / given.workdir("head", QUICK)
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({"rows": [{}], "cells": 5}))
    damaged = tmp_path / given.workdir("batch", QUICK)
    damaged.mkdir()
    (damaged / "study.json").write_text('{"rows": 3, "cells": 4}')
    found = {row["name"]: row for row in study_list()}
    assert list(found) == list(STUDIES)
    assert found["head"]["done"][QUICK] == (1, 5)
    heading, _, *lines = capsys.readouterr().out.splitlines()
    lines = {line.split()[0]: line for line in lines}
    assert list(lines)[: len(STUDIES)] == list(STUDIES)
    assert lines["head"].endswith("  4 min   90 min  quick 1 of 5")
    assert lines["batch"].endswith(" no") and heading.endswith(" run here")
    for name in STUDIES:
        assert found[name]["minutes"][QUICK] <= 30
        assert found[name]["minutes"][DOCS] <= 180
